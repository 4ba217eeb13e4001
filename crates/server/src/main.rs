//! The `kaeru` command.

use anyhow::bail;
use clap::{Args, Parser, Subcommand};
use domain::ShopId;
use server::config::Config;
use std::{path::PathBuf, process::ExitCode};

mod cli;
mod commands;

/// Tasks free on one thread what another has taken, many times a conversion.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Points become coupons, and come back.
#[derive(Parser)]
#[command(name = "kaeru", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything on one machine: service, database, sandbox Shopify and POS, demo customers
    Demo {
        /// The service's port; 0 takes any free one
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Keeps the books between runs; left out, a temporary folder
        #[arg(long)]
        data: Option<PathBuf>,
    },
    /// The service
    Serve(Configured),
    /// Only the sandbox Shopify and POS
    Sandbox {
        #[arg(long, default_value = "127.0.0.1:9090")]
        listen: std::net::SocketAddr,
        /// Keeps the sandbox's books in this file between runs
        #[arg(long)]
        journal: Option<PathBuf>,
    },
    /// Brings the database's schema up to date and ends
    Migrate(Configured),
    /// A checked copy of the SQLite database, also while the service runs
    Backup {
        /// The file to write; it must not be there yet
        file: PathBuf,
        #[command(flatten)]
        configured: Configured,
    },
    /// Puts a backup in the database's place; the service must not run
    Restore {
        /// The backup; left out where pg_restore put it back
        file: Option<PathBuf>,
        #[command(flatten)]
        configured: Configured,
    },
    /// Carries all data from SQLite to an empty PostgreSQL; the service must not run
    Move {
        /// sqlite://FILE
        #[arg(long)]
        from: String,
        /// postgres://USER@HOST/DATABASE
        #[arg(long)]
        to: String,
    },
    /// Is everything as it should be? Says what to do where it is not
    Doctor(Configured),
    /// Subscribes to Shopify's webhooks that nobody sends yet; run again, it changes nothing
    Webhooks(OfShop),
    /// Compares the books of Kaeru, Shopify and the points book
    Reconcile(commands::reconcile::Reconcile),
    /// Opening balances from a CSV file into the built-in points book
    Import(commands::import::Import),
    /// Orders of another channel from a CSV file, each with what pays for it
    ImportOrders(commands::import_orders::ImportOrders),
    /// A shop's books as CSV
    Export(commands::export::Export),
    /// Staff accounts
    #[command(subcommand)]
    Staff(commands::staff::Staff),
    /// The audit log: proven, or written out
    #[command(subcommand)]
    Audit(commands::audit::Audit),
    /// Tokens for trying the API by hand
    #[command(subcommand)]
    Token(Token),
}

#[derive(Subcommand)]
enum Token {
    /// A customer's token, good for an hour
    Customer {
        /// The Shopify customer id
        #[arg(long)]
        customer: String,
        #[command(flatten)]
        of: OfShop,
    },
}

/// Where the configuration is.
#[derive(Args)]
pub struct Configured {
    #[arg(long, default_value = "kaeru.toml")]
    pub config: PathBuf,
}

/// Which shop is meant.
#[derive(Args)]
pub struct OfShop {
    /// Left out: the only shop
    #[arg(long)]
    shop: Option<String>,
    #[command(flatten)]
    configured: Configured,
}

impl OfShop {
    /// The configuration, and the shop that is meant.
    ///
    /// # Errors
    /// Where the configuration is wrong, the shop is unknown, or one of several must be named.
    pub fn load(&self) -> anyhow::Result<(Config, ShopId)> {
        let config = Config::load(&self.configured.config)?;
        let known = config.shops.iter().map(|shop| shop.id.as_str()).collect::<Vec<_>>();
        let shop = match (&self.shop, known.as_slice()) {
            (Some(shop), known) if known.contains(&shop.as_str()) => shop.clone(),
            (Some(shop), known) => {
                bail!("--shop: there is no shop {shop}; there is {}", known.join(", "))
            }
            (None, [only]) => (*only).to_owned(),
            (None, known) => bail!("--shop: say which one: {}", known.join(", ")),
        };
        Ok((config, ShopId(shop)))
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    server::telemetry::logs();
    let outcome = match cli.command {
        Command::Demo { port, data } => cli::demo(port, data),
        Command::Serve(at) => cli::serve(&at.config),
        Command::Sandbox { listen, journal } => cli::sandbox(listen, journal),
        Command::Migrate(at) => cli::migrate(&at.config),
        Command::Backup { file, configured } => commands::backup::run(&configured.config, &file),
        Command::Restore { file, configured } => {
            cli::run(commands::restore::run(&configured.config, file))
        }
        Command::Move { from, to } => cli::run(commands::carry::run(&from, &to)),
        Command::Doctor(at) => cli::run(commands::doctor::run(&at.config)),
        Command::Reconcile(command) => cli::run(commands::reconcile::run(command)),
        Command::Import(command) => cli::run(commands::import::run(command)),
        Command::ImportOrders(command) => cli::run(commands::import_orders::run(command)),
        Command::Export(command) => cli::run(commands::export::run(command)),
        Command::Staff(command) => cli::run(commands::staff::run(command)),
        Command::Audit(command) => cli::run(commands::audit::run(command)),
        Command::Token(Token::Customer { customer, of }) => cli::token(&of, &customer),
        Command::Webhooks(of) => cli::run(commands::webhooks::run(&of)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kaeru: {error:#}");
            ExitCode::FAILURE
        }
    }
}
