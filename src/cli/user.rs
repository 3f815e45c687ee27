//! `waibao user`: who may sign in.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use waibao::Error;
use waibao::server::{Password, console};

use super::args::UserCommand;
use super::{Done, Failure};

pub(super) fn run(command: &UserCommand, out: &mut dyn Write) -> Done {
    match command {
        UserCommand::Add { name, role, data } => {
            console::add_user(&data.path, name, *role, &password()?)?;
            writeln!(out, "已添加{}“{name}”", role.name())?;
        }
        UserCommand::Password { name, data } => {
            console::set_password(&data.path, name, &password()?)?;
            writeln!(out, "“{name}”的密码已改，须重新登录")?;
        }
        UserCommand::List { data } => {
            for account in console::list_users(&data.path)? {
                writeln!(out, "{}\t{}\t{}", account.name, account.role.name(), account.state)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// From the terminal, twice and unseen; without one the first line of what is piped in.
fn password() -> Result<Password, Failure> {
    if std::io::stdin().is_terminal() {
        let password = Password::from(rpassword::prompt_password("密码（至少 10 个字符，输入时不显示）：")?);
        if password != Password::from(rpassword::prompt_password("再输一次：")?) {
            return Err(Error::Argument("两次输入的密码不一样".to_owned()).into());
        }
        return Ok(password);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(Password::from(line.trim_end_matches(['\r', '\n']).to_owned()))
}
