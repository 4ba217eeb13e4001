//! `kaeru staff`: accounts from the command line.

use crate::OfShop;
use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use domain::{Actor, Role, ShopId};
use engine::ports::Clock;
use server::{
    clock::SystemClock,
    ids, secrets,
    store::{
        Database, audit, second_factor,
        staff::{self, Account, Change},
        tokens::{self, New},
    },
};
use std::{io::IsTerminal, time::Duration};

#[derive(Subcommand)]
pub enum Staff {
    /// A new account; the password is asked for, or read from standard input
    Add {
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        #[arg(long, value_enum)]
        role: RoleName,
        #[command(flatten)]
        of: OfShop,
    },
    /// Every account of a shop
    List(OfShop),
    /// The account may not sign in any more, and is signed out everywhere
    Disable {
        #[arg(long)]
        email: String,
        #[command(flatten)]
        of: OfShop,
    },
    /// A new password, read like that of a new account
    ResetPassword {
        #[arg(long)]
        email: String,
        #[command(flatten)]
        of: OfShop,
    },
    /// No second factor any more: for who lost the telephone
    ResetSecondFactor {
        #[arg(long)]
        email: String,
        #[command(flatten)]
        of: OfShop,
    },
    /// A personal token for the API, printed once
    Token {
        #[arg(long)]
        email: String,
        /// What it is for
        #[arg(long)]
        name: String,
        /// For how many days it is good
        #[arg(long, default_value_t = 90)]
        days: u32,
        #[command(flatten)]
        of: OfShop,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum RoleName {
    Viewer,
    #[value(name = "store_manager")]
    StoreManager,
    #[value(name = "ec_admin")]
    EcAdmin,
    #[value(name = "system_admin")]
    SystemAdmin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Role::Viewer,
            RoleName::StoreManager => Role::StoreManager,
            RoleName::EcAdmin => Role::EcAdmin,
            RoleName::SystemAdmin => Role::SystemAdmin,
        }
    }
}

/// Does what the command says.
pub async fn run(command: Staff) -> anyhow::Result<()> {
    match command {
        Staff::Add { email, name, role, of } => {
            let (database, shop) = open(&of).await?;
            let password = password()?;
            add(&database, &shop, &email, &name, role.into(), password).await?;
            println!("{email} may sign in now.");
        }
        Staff::List(of) => {
            let (database, shop) = open(&of).await?;
            for account in staff::list(&database, &shop).await? {
                let state = if account.disabled_at.is_some() { "disabled" } else { "active" };
                let (email, role, name) = (account.email, account.role.as_str(), account.name);
                println!("{email}\t{role}\t{state}\t{name}");
            }
        }
        Staff::Disable { email, of } => {
            let (database, shop) = open(&of).await?;
            alter(&database, &shop, &email, Change::Disable, "staff.disable").await?;
            println!("{email} may not sign in any more.");
        }
        Staff::ResetPassword { email, of } => {
            let (database, shop) = open(&of).await?;
            let change = Change::Password(secrets::hash(password()?).await?);
            alter(&database, &shop, &email, change, "staff.reset_password").await?;
            println!("{email} has a new password, and is signed out everywhere.");
        }
        Staff::ResetSecondFactor { email, of } => {
            let (database, shop) = open(&of).await?;
            let account = account(&database, &shop, &email).await?;
            let entry = entry(&shop, "staff.reset_second_factor", &email);
            if !second_factor::remove(&database, account, entry).await? {
                bail!("--email: {email} has no second factor");
            }
            println!("{email} signs in with the password alone now.");
        }
        Staff::Token { email, name, days, of } => {
            let (database, shop) = open(&of).await?;
            println!("{}", token(&database, &shop, &email, name, days).await?);
        }
    }
    Ok(())
}

async fn open(of: &OfShop) -> anyhow::Result<(Database, ShopId)> {
    let (config, shop) = of.load()?;
    Ok((Database::open_beside(&config.database, SystemClock.now()).await?, shop))
}

/// From a terminal without showing it is the terminal's business (`stty -echo`); else the first
/// line of standard input.
fn password() -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        eprint!("Password: ");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.chars().count() < secrets::SHORTEST_PASSWORD {
        bail!("the password must have at least {} characters", secrets::SHORTEST_PASSWORD);
    }
    Ok(password)
}

fn entry(shop: &ShopId, act: &'static str, email: &str) -> audit::Entry {
    let now = SystemClock.now();
    audit::Entry {
        id: ids::flow(now),
        shop: shop.clone(),
        at: now,
        by: Actor::System,
        role: None,
        act,
        subject: staff::email_key(email),
        detail: serde_json::json!({"from": "command line"}),
        reason: None,
        note: None,
        origin: None,
        flow: None,
    }
}

/// Adds the account.
///
/// # Errors
/// Where the address is taken, or is none.
pub async fn add(
    database: &Database,
    shop: &ShopId,
    email: &str,
    name: &str,
    role: Role,
    password: String,
) -> anyhow::Result<()> {
    if !email.contains('@') {
        bail!("--email: {email:?} is not an e-mail address");
    }
    let account = Account {
        shop: shop.clone(),
        id: 0,
        email: staff::email_key(email),
        name: name.trim().to_owned(),
        role,
        language: None,
        created_at: SystemClock.now(),
        disabled_at: None,
    };
    let hash = secrets::hash(password).await?;
    match staff::add(database, account, hash, entry(shop, "staff.add", email)).await? {
        Some(_) => Ok(()),
        None => bail!("--email: {email} has an account in {shop} already"),
    }
}

async fn alter(
    database: &Database,
    shop: &ShopId,
    email: &str,
    change: Change,
    act: &'static str,
) -> anyhow::Result<()> {
    if staff::alter(database, shop, email, change, entry(shop, act, email)).await? {
        return Ok(());
    }
    bail!("--email: {email} has no account in {shop}")
}

async fn account(database: &Database, shop: &ShopId, email: &str) -> anyhow::Result<Account> {
    let key = staff::email_key(email);
    let accounts = staff::list(database, shop).await?;
    let found = accounts.into_iter().find(|account| account.email == key);
    found.with_context(|| format!("--email: {email} has no account in {shop}"))
}

async fn token(
    database: &Database,
    shop: &ShopId,
    email: &str,
    name: String,
    days: u32,
) -> anyhow::Result<String> {
    let account = account(database, shop, email).await?;
    let token = secrets::token();
    let entry = entry(shop, "staff.token", email);
    let until = entry.at.plus(Duration::from_secs(86_400 * u64::from(days)));
    let new =
        New { token: secrets::digest(&token), account, name, scopes: None, expires_at: until };
    tokens::add(database, new, entry).await?;
    Ok(token)
}
