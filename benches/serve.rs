//! The server under load, on loopback: 1, 8 and 64 clients that each ask for one text after another, beside the same texts
//! classified directly in this process.
//!
//! `cargo bench --bench serve`; `cargo bench --bench serve -- 500` for another number of requests of each client. Refusals
//! (429) are told apart from errors; both should be none, because the limit of requests of one address is lifted here.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ureq::Agent;
use waibao::pack::Pack;
use waibao::server::{Options, serve};

/// Requests of one client.
const REQUESTS: usize = 200;
/// Characters of a text.
const LENGTH: usize = 60;
/// The encoder's threads for each text; the server's command sets it too.
const THREADS: (&str, &str) = ("RAYON_NUM_THREADS", "1");

/// What one client saw.
#[derive(Default)]
struct Seen {
    times: Vec<Duration>,
    refused: usize,
    errors: usize,
}

fn main() {
    // The environment is read when the first text is encoded and cannot be set safely here, so that it begins anew.
    if std::env::var(THREADS.0).as_deref() != Ok(THREADS.1) {
        let program = std::env::current_exe().expect("this program");
        let mut again = Command::new(program);
        again.args(std::env::args().skip(1)).env(THREADS.0, THREADS.1);
        assert!(again.status().expect("this program").success());
        return;
    }
    let requests = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(REQUESTS);
    println!("clients: p50 ms, p99 ms, requests/s, refused, errors ({requests} requests each, {LENGTH} characters)");
    println!("directly, one after another: {}", line(directly(requests)));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (tell, told) = mpsc::channel();
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        rate: NonZeroU32::MAX,
        ..Options::new(dir.path().join("waibao.db"))
    };
    std::thread::spawn(move || {
        let classifier = waibao::load::embedded().expect("the classifier");
        serve(classifier, &options, |ready| tell.send(ready.address).expect("somebody who listens"))
    });
    let address = told.recv().expect("a server that is ready");
    for clients in [1, 8, 64] {
        println!("{clients}: {}", line(asked(address, clients, requests)));
    }
}

/// The baseline: no server, one thread.
fn directly(requests: usize) -> (Seen, Duration) {
    let classifier = waibao::load::embedded().expect("the classifier");
    let began = Instant::now();
    let mut seen = Seen::default();
    for text in texts(0, requests) {
        let began = Instant::now();
        classifier.classify(&text).expect("a decision");
        seen.times.push(began.elapsed());
    }
    (seen, began.elapsed())
}

/// So many clients at the same time.
fn asked(address: SocketAddr, clients: usize, requests: usize) -> (Seen, Duration) {
    let began = Instant::now();
    let all = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|client| scope.spawn(move || ask(address, client, requests))).collect();
        clients.into_iter().map(|client| client.join().expect("a client")).fold(Seen::default(), |mut all, one| {
            all.times.extend(one.times);
            (all.refused, all.errors) = (all.refused + one.refused, all.errors + one.errors);
            all
        })
    });
    (all, began.elapsed())
}

fn ask(address: SocketAddr, client: usize, requests: usize) -> Seen {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let mut seen = Seen::default();
    for text in texts(client, requests) {
        let began = Instant::now();
        let answer = agent.post(format!("http://{address}/v1/classify")).send_json(serde_json::json!({ "text": text }));
        let read = answer.map(|mut answer| (answer.status().as_u16(), answer.body_mut().read_to_vec().is_ok()));
        match read {
            Ok((200, true)) => seen.times.push(began.elapsed()),
            Ok((429, _)) => seen.refused += 1,
            _ => seen.errors += 1,
        }
    }
    seen
}

/// Different texts for each client, out of the 典型业务 of the code book.
fn texts(client: usize, count: usize) -> impl Iterator<Item = String> {
    let pack = Pack::embedded().expect("the pack");
    let known: Vec<String> =
        pack.classes().flat_map(|item| item.inclusions.iter().map(|one| one.text.clone())).collect();
    (0..count).map(move |number| {
        let text = &known[(client * count + number) % known.len()];
        let text = format!("为第{client}-{number}号客户提供{text}");
        text.chars().chain("，按季度验收并结算。".chars().cycle()).take(LENGTH).collect()
    })
}

fn line((mut seen, took): (Seen, Duration)) -> String {
    seen.times.sort_unstable();
    let at = |share: f64| {
        let place = (seen.times.len() as f64 * share) as usize;
        seen.times.get(place.min(seen.times.len().saturating_sub(1))).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    };
    let rate = seen.times.len() as f64 / took.as_secs_f64();
    format!("{:.1}, {:.1}, {rate:.0}, {}, {}", at(0.5), at(0.99), seen.refused, seen.errors)
}
