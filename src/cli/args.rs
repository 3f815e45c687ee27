//! Every flag, once. What is typed here is also the help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use waibao::batch::Shard;
#[cfg(feature = "server")]
use waibao::server::Role;
use waibao::table::Format;

/// 按《中国服务外包统计操作指引》给服务合同归类：代码、依据、置信度，或提示需人工判断。全程离线。
#[derive(Debug, Parser)]
#[command(
    name = "waibao",
    version,
    disable_help_subcommand = true,
    disable_help_flag = true,
    disable_version_flag = true
)]
#[command(next_help_heading = "选项", subcommand_help_heading = "命令", subcommand_value_name = "命令")]
#[command(help_template = HELP, override_usage = "waibao <命令> [选项]")]
#[command(after_help = "退出码：0 全部完成；1 完成但有失败；2 无法运行；130 被 Ctrl-C 中断。")]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,

    /// 显示帮助
    #[arg(short, long, global = true, action = clap::ArgAction::Help)]
    help: Option<bool>,

    /// 显示版本
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// The layout of every help page.
const HELP: &str = "{about}\n\n用法：{usage}\n\n{all-args}{after-help}\n";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// 给一段或几段合同描述归类
    #[command(help_template = HELP, override_usage = "waibao classify [文字…] [选项]")]
    Classify(ClassifyArgs),
    /// 给整张台账归类：原表加上代码，另列需人工判断的行
    #[command(help_template = HELP, override_usage = "waibao batch <文件> -o <输出> [选项]")]
    Batch(BatchArgs),
    /// 把 batch --shard 做出的各份合成一张表
    #[command(help_template = HELP, override_usage = "waibao merge <文件> <各份…> -o <输出> [选项]")]
    Merge(MergeArgs),
    /// 开一个网页，供复核员使用；也供别的程序调用
    #[cfg(feature = "server")]
    #[command(help_template = HELP, override_usage = "waibao serve [选项]")]
    Serve(ServeArgs),
    /// 谁可以登录
    #[cfg(feature = "server")]
    #[command(help_template = HELP, override_usage = "waibao user <命令>", subcommand_help_heading = "命令")]
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// 审计日志
    #[cfg(feature = "server")]
    #[command(help_template = HELP, override_usage = "waibao audit <命令>", subcommand_help_heading = "命令")]
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// 备份数据文件；网页开着也可以
    #[cfg(feature = "server")]
    #[command(help_template = HELP, override_usage = "waibao backup <备份文件> [选项]")]
    Backup(BackupArgs),
    /// 用备份换掉数据文件；须先停下网页
    #[cfg(feature = "server")]
    #[command(help_template = HELP, override_usage = "waibao restore <备份文件> [选项]")]
    Restore(RestoreArgs),
    /// 浏览、查找代码手册
    #[command(help_template = HELP, override_usage = "waibao codes [代码或词…] [选项]")]
    Codes(CodesArgs),
    /// 用已标注的文件检验准确率
    #[command(help_template = HELP, override_usage = "waibao evaluate [文件…] [选项]")]
    Evaluate(EvaluateArgs),
    /// 检查程序、模型、分类包是否完好
    #[command(help_template = HELP, override_usage = "waibao doctor [选项]")]
    Doctor(SourceArgs),
    /// 分类包
    #[command(help_template = HELP, override_usage = "waibao pack <命令>", subcommand_help_heading = "命令")]
    Pack {
        #[command(subcommand)]
        command: PackCommand,
    },
    /// 模型
    #[command(help_template = HELP, override_usage = "waibao model <命令>", subcommand_help_heading = "命令")]
    Model {
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// 输出命令行补全脚本
    #[command(help_template = HELP, override_usage = "waibao completions <SHELL>")]
    Completions {
        /// bash、zsh、fish、powershell 或 elvish
        #[arg(value_name = "SHELL", hide_possible_values = true, help_heading = "参数")]
        shell: Shell,
    },
}

/// Which model and which pack.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "选项")]
pub(super) struct SourceArgs {
    /// 改用此目录里的模型（sentence-transformers 格式的 BERT）
    #[arg(long, value_name = "目录", value_hint = ValueHint::DirPath)]
    pub(super) model: Option<PathBuf>,

    /// 改用此目录里的分类包
    #[arg(long, value_name = "目录", value_hint = ValueHint::DirPath)]
    pub(super) pack: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "选项")]
pub(super) struct ClassifyArgs {
    /// 合同描述；不给则从标准输入读
    #[arg(value_name = "文字", help_heading = "参数")]
    pub(super) texts: Vec<String>,

    /// 从文件读（UTF-8 或 GB18030），整个文件是一段描述；可重复
    #[arg(short, long = "file", value_name = "文件", value_hint = ValueHint::FilePath)]
    pub(super) files: Vec<PathBuf>,

    /// 每段输出一行 JSON
    #[arg(long)]
    pub(super) json: bool,

    /// 列出前几个候选
    #[arg(long, value_name = "个数", default_value_t = 3, hide_default_value = true, value_parser = between::<u8, 1, 46>)]
    pub(super) top: u8,

    /// 说明为什么：条款原文、触发词、最相近的典型业务
    #[arg(long)]
    pub(super) explain: bool,

    #[command(flatten)]
    pub(super) sources: SourceArgs,
}

/// What is read of a table.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "选项")]
pub(super) struct TableArgs {
    /// 台账：.xlsx、.xls、.ods、.csv、.tsv、.jsonl 或 .parquet；- 为标准输入
    #[arg(value_name = "文件", value_hint = ValueHint::FilePath, help_heading = "参数")]
    pub(super) input: PathBuf,

    /// 合同描述所在的列（列名或序号）；可重复，按所给顺序连起来读。不给则自动识别
    #[arg(short, long = "text-column", value_name = "列")]
    pub(super) text_columns: Vec<String>,

    /// 复核清单里用来认出一行的列，如合同编号
    #[arg(long, value_name = "列")]
    pub(super) id_column: Option<String>,

    /// 输出只保留这些原列；可重复。不给则全部保留
    #[arg(long, value_name = "列")]
    pub(super) select: Vec<String>,

    /// 工作表（名称或序号）；不给则取第一张不空的，并报出没有读的
    #[arg(long, value_name = "表")]
    pub(super) sheet: Option<String>,

    /// 表头在第几行，没有表头写 0（各列叫做列A、列B……）；不给则自动识别
    #[arg(long, value_name = "行", value_parser = between::<u64, 0, 1_048_576>)]
    pub(super) header_row: Option<u64>,

    /// 输入文件的格式：csv（含制表符、分号、竖线分隔）、jsonl、xlsx（含 .xls、.ods）或 parquet；不给则看扩展名，标准输入看内容
    #[arg(long, value_name = "格式", hide_possible_values = true)]
    pub(super) format: Option<TableFormat>,

    #[command(flatten)]
    pub(super) sources: SourceArgs,
}

/// The forms of a table that can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TableFormat {
    Csv,
    Jsonl,
    Xlsx,
    Parquet,
}

impl From<TableFormat> for Format {
    fn from(format: TableFormat) -> Self {
        match format {
            TableFormat::Csv => Self::Delimited,
            TableFormat::Jsonl => Self::JsonLines,
            TableFormat::Xlsx => Self::Workbook,
            TableFormat::Parquet => Self::Parquet,
        }
    }
}

/// Where a table is written, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "选项")]
pub(super) struct OutputArgs {
    /// 输出：.xlsx、.csv、.tsv、.jsonl 或 .parquet；batch 可用 - 写到标准输出
    #[arg(short = 'o', long = "output", value_name = "文件", value_hint = ValueHint::FilePath)]
    pub(super) path: PathBuf,

    /// 输出文件已经存在也替换
    #[arg(long)]
    pub(super) overwrite: bool,

    /// 输出 CSV 时不写 BOM：给别的程序读，而不是给 Excel
    #[arg(long)]
    pub(super) no_bom: bool,

    /// 不报进度
    #[arg(short, long)]
    pub(super) quiet: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "选项")]
pub(super) struct BatchArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,

    #[command(flatten)]
    pub(super) table: TableArgs,

    /// 接着上次没有做完的做
    #[arg(long)]
    pub(super) resume: bool,

    /// 只重做以前的输出里出错的行，其余照抄；输入应是同一张表
    #[arg(long, value_name = "以前的输出", value_hint = ValueHint::FilePath)]
    pub(super) retry_failed: Option<PathBuf>,

    /// 只做第 k 份，共 n 份；写出的还不是表，不能用 .csv 等扩展名，各份做完后用 merge 合起来
    #[arg(long, value_name = "k/n", default_value = "1/1", hide_default_value = true, value_parser = shard)]
    pub(super) shard: Shard,

    /// 同时用几个核；不给则全部
    #[arg(short, long, value_name = "个数", value_parser = between::<u16, 1, 1024>)]
    pub(super) jobs: Option<u16>,
}

/// A whole number from `LEAST` to `MOST`.
fn between<N: TryFrom<u64>, const LEAST: u64, const MOST: u64>(text: &str) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
    number.and_then(|number| N::try_from(number).ok()).ok_or_else(|| format!("应为 {LEAST} 到 {MOST} 的整数"))
}

fn shard(text: &str) -> Result<Shard, String> {
    let parsed = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
    let (number, of) = parsed.unwrap_or((0, 0));
    if (1..=of).contains(&number) { Ok(Shard { number, of }) } else { Err("应为 k/n，如 1/4".to_owned()) }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "选项")]
pub(super) struct MergeArgs {
    #[command(flatten)]
    pub(super) table: TableArgs,

    /// 各份，次序不论，一份不能少
    #[arg(value_name = "各份", required = true, value_hint = ValueHint::FilePath, help_heading = "参数")]
    pub(super) parts: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// How the page is served.
#[cfg(feature = "server")]
#[derive(Debug, Args)]
#[command(next_help_heading = "选项")]
pub(super) struct ServeArgs {
    /// 在哪个地址等候；给别的电脑用时写 0.0.0.0:8686（没有管理员时，凭控制台上的一次性口令建立）
    #[arg(long, value_name = "地址:端口", default_value = "127.0.0.1:8686", hide_default_value = true, value_parser = address)]
    pub(super) listen: std::net::SocketAddr,

    #[command(flatten)]
    pub(super) data: DataArgs,

    /// 上传的台账最大几兆字节
    #[arg(long, value_name = "MB", default_value_t = 200, hide_default_value = true, value_parser = between::<u16, 1, 65_535>)]
    pub(super) max_upload: u16,

    #[command(flatten)]
    pub(super) sources: SourceArgs,
}

#[cfg(feature = "server")]
fn address(text: &str) -> Result<std::net::SocketAddr, String> {
    text.parse().map_err(|_| "应为 地址:端口，如 127.0.0.1:8686".to_owned())
}

/// Which data file.
#[cfg(feature = "server")]
#[derive(Debug, Args)]
#[command(next_help_heading = "选项")]
pub(super) struct DataArgs {
    /// 数据文件；不给则为当前目录下的 waibao.db
    #[arg(long = "data", value_name = "文件", default_value = "waibao.db", hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(super) path: PathBuf,
}

#[cfg(feature = "server")]
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// 添加用户；第一个须是管理员。密码从终端读，不显示；没有终端则读标准输入的第一行
    #[command(help_template = HELP, override_usage = "waibao user add <名称> --role <角色> [选项]")]
    Add {
        /// 登录用的名称
        #[arg(value_name = "名称", help_heading = "参数")]
        name: String,

        /// 管理员、复核员或审计员
        #[arg(long, help_heading = "选项", value_name = "角色", value_parser = role)]
        role: Role,

        #[command(flatten)]
        data: DataArgs,
    },
    /// 给用户换一个密码，并解除锁定
    #[command(help_template = HELP, override_usage = "waibao user password <名称> [选项]")]
    Password {
        /// 登录用的名称
        #[arg(value_name = "名称", help_heading = "参数")]
        name: String,

        #[command(flatten)]
        data: DataArgs,
    },
    /// 列出用户
    #[command(help_template = HELP, override_usage = "waibao user list [选项]")]
    List {
        #[command(flatten)]
        data: DataArgs,
    },
}

#[cfg(feature = "server")]
fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "应为管理员、复核员或审计员".to_owned())
}

#[cfg(feature = "server")]
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// 检查审计日志有没有被改动或删减，打印条数和末条哈希；有改动则退出码为 1
    #[command(help_template = HELP, override_usage = "waibao audit verify [选项]")]
    Verify {
        /// 以前记下的末条哈希：看它是否还在日志里
        #[arg(long, help_heading = "选项", value_name = "哈希")]
        head: Option<String>,

        #[command(flatten)]
        data: DataArgs,
    },
}

#[cfg(feature = "server")]
#[derive(Debug, Args)]
#[command(next_help_heading = "选项")]
pub(super) struct BackupArgs {
    /// 写到哪个文件
    #[arg(value_name = "备份文件", value_hint = ValueHint::FilePath, help_heading = "参数")]
    pub(super) to: PathBuf,

    /// 备份文件已经存在也替换
    #[arg(long)]
    pub(super) overwrite: bool,

    #[command(flatten)]
    pub(super) data: DataArgs,
}

#[cfg(feature = "server")]
#[derive(Debug, Args)]
#[command(next_help_heading = "选项")]
pub(super) struct RestoreArgs {
    /// 用哪个备份
    #[arg(value_name = "备份文件", value_hint = ValueHint::FilePath, help_heading = "参数")]
    pub(super) from: PathBuf,

    #[command(flatten)]
    pub(super) data: DataArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "选项")]
pub(super) struct CodesArgs {
    /// 代码或条目编号（如 B22、B22-2，可几个），或要在名称、定义、典型业务里找的词；不给则列出全部
    #[arg(value_name = "代码或词", help_heading = "参数")]
    pub(super) query: Vec<String>,

    /// 改用此目录里的分类包
    #[arg(long, value_name = "目录", value_hint = ValueHint::DirPath)]
    pub(super) pack: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "选项")]
pub(super) struct EvaluateArgs {
    /// 标注文件：.csv、.jsonl、.xlsx，须有 text（文字）和 gold（标注）两列，可有 alt（第二代码）、id、second（复读）；
    /// 不给则用 eval/gold 下的全部
    #[arg(value_name = "文件", value_hint = ValueHint::FilePath, help_heading = "参数")]
    pub(super) files: Vec<PathBuf>,

    /// 写一份报告网页，旁边再写一份同名的 .xlsx，内有每一行的结果
    #[arg(long, value_name = "文件.html", value_hint = ValueHint::FilePath)]
    pub(super) report: Option<PathBuf>,

    /// 把每一行的结论写入此 CSV，供 --check 日后比较
    #[arg(long, value_name = "文件.csv", value_hint = ValueHint::FilePath)]
    pub(super) results: Option<PathBuf>,

    /// 与目录（默认 eval）里的 thresholds.toml 和 results.csv 比较，列出不达标的和变动了的；有则退出码为 1
    #[arg(long, value_name = "目录", num_args = 0..=1, require_equals = true, default_missing_value = "eval", value_hint = ValueHint::DirPath)]
    pub(super) check: Option<PathBuf>,

    /// 只看这一条：文字、标注、结论和依据
    #[arg(long, value_name = "编号", conflicts_with_all = ["report", "results", "check"])]
    pub(super) show: Option<String>,

    /// 另按此列分组；可重复
    #[arg(long = "group", value_name = "列")]
    pub(super) groups: Vec<String>,

    /// 去掉一个部件再测，看它有多大用处；可重复
    #[arg(long, value_name = "部件")]
    pub(super) without: Vec<Component>,

    #[command(flatten)]
    pub(super) sources: SourceArgs,
}

/// What the classifier can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Component {
    /// 字词信号
    Lexical,
    /// 规则
    Rules,
}

#[derive(Debug, Subcommand)]
pub(super) enum PackCommand {
    /// 检查分类包，列出每一处错误的文件和行
    #[command(help_template = HELP, override_usage = "waibao pack check [目录]")]
    Check {
        /// 分类包目录；不给则检查内置的
        #[arg(value_name = "目录", value_hint = ValueHint::DirPath, help_heading = "参数")]
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ModelCommand {
    /// 为模型目录算好原型向量和校准，写入该目录
    #[command(help_template = HELP, override_usage = "waibao model prepare <目录> [选项]")]
    Prepare {
        /// 模型目录
        #[arg(value_name = "目录", value_hint = ValueHint::DirPath, help_heading = "参数")]
        dir: PathBuf,

        /// 另加的标注文件（CSV 或 JSONL），与随程序的标注一起用于校准；可重复
        #[arg(long = "labels", help_heading = "选项", value_name = "文件", value_hint = ValueHint::FilePath)]
        labels: Vec<PathBuf>,

        /// 改用此目录里的分类包
        #[arg(long, help_heading = "选项", value_name = "目录", value_hint = ValueHint::DirPath)]
        pack: Option<PathBuf>,
    },
}
