//! `waibao serve`: the reviewers' page and the API.

use std::process::ExitCode;

use waibao::Settings;
use waibao::server::{self, Options};

use super::args::ServeArgs;
use super::{Done, leave_cores_to_jobs, open, say};

pub(super) fn run(args: &ServeArgs) -> Done {
    // One thread of the encoder for each batch: many small batches of many people are done sooner so.
    leave_cores_to_jobs();
    let classifier = open(&args.sources, Settings::default())?;
    let mut options = Options::new(args.data.path.clone());
    options.listen = args.listen;
    options.upload = usize::from(args.max_upload) << 20;
    server::serve(classifier, &options, |ready| {
        let (address, data) = (ready.address, args.data.path.display());
        say(format_args!("waibao 在 http://{address} 等候，数据在 {data}；按 Ctrl-C 停止"));
        if let Some(token) = &ready.setup {
            say(format_args!("还没有管理员。请打开上面的地址，用这个一次性口令设置：\n  {token}"));
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
