//! A server of its own for every test: the real program on a free port, with a data file in a directory that goes with it.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use tempfile::TempDir;
use ureq::http::Response;
use ureq::{Agent, Body};

/// A server under test; it is killed when dropped.
pub(crate) struct Server {
    child: Option<Child>,
    pub(crate) address: String,
    /// What it said on the console before it was ready …
    pub(crate) said: String,
    /// … and has said since.
    pub(crate) heard: Arc<Mutex<String>>,
    pub(crate) dir: TempDir,
}

impl Server {
    /// On this computer alone, without accounts.
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), &[])
    }

    /// With further flags.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    /// Over a data file that is there already.
    pub(crate) fn start_in(dir: TempDir, arguments: &[&str]) -> Self {
        let listen: &[&str] = if arguments.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        let mut child = program(&dir)
            .arg("serve")
            .args(listen)
            .args(arguments)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        // With a setup token two lines follow the address.
        let address = loop {
            let line = lines.next().expect("the server ended before it was ready").unwrap();
            said += &format!("{line}\n");
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split(' ').next().unwrap().to_owned();
            }
            assert!(!line.starts_with("错误"), "{line}");
        };
        if address.starts_with("0.0.0.0") {
            said += &format!("{}\n{}\n", lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap());
        }
        let heard = Arc::new(Mutex::new(String::new()));
        let ear = Arc::clone(&heard);
        std::thread::spawn(move || lines.for_each(|line| *ear.lock().unwrap() += &(line.unwrap() + "\n")));
        let address = address.replace("0.0.0.0", "127.0.0.1");
        Self { child: Some(child), address, said, heard, dir }
    }

    /// Another command over the same data file, with what is typed into it: exit status, stdout, stderr.
    pub(crate) fn command(&self, arguments: &[&str], typed: &str) -> (i32, String, String) {
        run(&self.dir, arguments, typed)
    }

    /// Kills it as `kill -9` does and gives back the directory.
    pub(crate) fn kill(mut self) -> TempDir {
        self.end();
        std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap())
    }

    /// Tells it to stop, as a service manager does: its exit status and the directory.
    pub(crate) fn stop(mut self) -> (i32, TempDir) {
        let told = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().unwrap();
        assert!(told.success());
        let status = self.child.take().unwrap().wait().unwrap();
        (status.code().unwrap_or(-1), std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap()))
    }

    /// The process, for signals.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// A browser that knows nobody yet.
    pub(crate) fn browser(&self) -> Browser {
        let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build().new_agent();
        Browser { agent, base: format!("http://{}", self.address), csrf: String::new() }
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn program(dir: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waibao"));
    command.current_dir(dir.path()).env("WAIBAO_CACHE", dir.path().join("cache"));
    command
}

/// Runs a command in a directory, with what is typed into it: exit status, stdout, stderr.
pub(crate) fn run(dir: &TempDir, arguments: &[&str], typed: &str) -> (i32, String, String) {
    let piped = Stdio::piped;
    let mut child = program(dir).args(arguments).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    // A command that reads nothing may have ended before it is written.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// Someone with a browser: keeps cookies, and sends back the token that forms carry.
pub(crate) struct Browser {
    pub(crate) agent: Agent,
    pub(crate) base: String,
    pub(crate) csrf: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn of(mut response: Response<Body>) -> Self {
        let bytes = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        Self { status: response.status().as_u16(), headers: response.headers().clone(), bytes }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Where it leads.
    pub(crate) fn place(&self) -> &str {
        self.header("location")
    }
}

impl Browser {
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        let request = self.agent.get(format!("{}{path}", self.base)).header("accept", "text/html");
        let answer = Answer::of(request.call().unwrap());
        if let Some((_, rest)) = answer.text().split_once("name=\"csrf\" value=\"") {
            self.csrf = rest.split('"').next().unwrap().to_owned();
        }
        answer
    }

    /// Sends a form as a browser does, with the token of the page before it.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf.clone();
        let all = fields.iter().copied().chain([("csrf", csrf.as_str())]);
        let request = self.agent.post(format!("{}{path}", self.base)).header("accept", "text/html");
        Answer::of(request.send_form(all).unwrap())
    }

    /// Uploads a file with a form.
    pub(crate) fn upload(&mut self, path: &str, name: &str, content: &[u8], fields: &[(&str, &str)]) -> Answer {
        const BOUNDARY: &str = "----------------waibao";
        let mut body = Vec::new();
        let csrf = self.csrf.clone();
        for (field, value) in [("csrf", csrf.as_str())].iter().chain(fields) {
            let part = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
            body.extend(part.as_bytes());
        }
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             content-type: application/octet-stream\r\n\r\n"
        );
        body.extend(head.as_bytes());
        body.extend(content);
        body.extend(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let request = self.agent.post(format!("{}{path}", self.base)).header("accept", "text/html");
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        Answer::of(request.header("content-type", kind).send(&body[..]).unwrap())
    }

    /// Calls the API as a program does: no body where none is given; the key is sent where there is one.
    pub(crate) fn api(&self, method: &str, path: &str, key: &str, body: Option<&Json>) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if !key.is_empty() {
            request = request.header("authorization", format!("Bearer {key}"));
        } else if !self.csrf.is_empty() {
            request = request.header("x-csrf-token", &self.csrf);
        }
        let response = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body.to_string()).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        Answer::of(response.unwrap())
    }
}

/// Where the data file of a server lies.
pub(crate) fn data(dir: &TempDir) -> PathBuf {
    dir.path().join("waibao.db")
}
