//! Conversions per second, in turns with the bare handler, and what one costs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::children::Service;
use crate::load::{self, Report, Target};
use crate::metrics::{self, Commits};
use crate::stand::Stand;
use crate::stats::{Sorted, mib, ms, per_second};
use crate::{books, disk, floor, process};

/// What is left to do after the load must be done within this time.
const DRAIN: Duration = Duration::from_secs(120);

#[derive(clap::Args, Clone)]
pub struct Options {
    /// Numbers of clients at the same time
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    pub clients: Vec<usize>,
    /// Measured time of each load
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
    /// Turns; medians are told
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// `postgres`: a server of its own; or a URL; left out, the embedded one in a fresh folder
    #[arg(long)]
    pub database: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { clients: vec![1, 16, 64], seconds: 5, rounds: 3, database: None }
    }
}

/// One who was measured, at one number of clients, over all rounds.
#[derive(Default)]
pub struct Figures {
    /// Conversions per second: median, least, most.
    pub rate: (f64, f64, f64),
    pub p50: Duration,
    pub p99: Duration,
    /// CPU time of its process for one conversion, what follows the answer included.
    pub cpu: Duration,
    /// Database transactions of one conversion, where the service counts them.
    pub commits: Option<f64>,
    /// Conversions for one fsync, where the service counts them.
    pub per_fsync: Option<f64>,
}

/// Both, at one number of clients.
pub struct Pair {
    pub clients: usize,
    pub kaeru: Figures,
    pub bare: Figures,
    /// Per second, what the database alone does.
    pub floor: f64,
}

impl Pair {
    /// Kaeru's rate as a part of the bare handler's.
    pub fn ratio(&self) -> f64 {
        self.kaeru.rate.0 / self.bare.rate.0.max(f64::MIN_POSITIVE)
    }
}

/// The customers of a turn, and how many conversions each was told of.
type Told = (Range<u64>, BTreeMap<u64, u64>);

/// Turns of one who is measured.
#[derive(Default)]
struct Turns {
    told: Vec<Told>,
    rates: Vec<f64>,
    latencies: Vec<Duration>,
    cpu: Duration,
    conversions: u64,
    counted: (f64, f64),
    counts: (bool, bool),
    drained: Vec<Duration>,
    /// CPU time of the sandbox.
    sandbox: Duration,
}

/// Everything that stands while it is measured.
struct Run {
    stand: Stand,
    kaeru: Service,
    bare: Service,
    measured: Duration,
    rounds: usize,
    told: Vec<Told>,
}

/// Measures and prints a table; in the end compares all books.
///
/// # Errors
/// When something does not start, breaks, or the books do not agree.
pub async fn run(options: &Options) -> Result<Vec<Pair>> {
    ensure!(options.clients.iter().all(|clients| *clients > 0), "--clients: at least 1");
    ensure!(options.rounds > 0 && options.seconds > 0, "--rounds, --seconds: at least 1");
    let mut run = Run::start(options).await?;
    let sync = disk::sync_time(run.stand.folder())?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (idle, _) = process::memory(run.kaeru.pid())?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, one fsync takes {}", ms(sync));
    header();
    let mut pairs = Vec::new();
    for clients in &options.clients {
        pairs.push(run.pair(*clients).await?);
    }
    let (_, peak) = process::memory(run.kaeru.pid())?;
    println!("memory of kaeru: {} idle, {} at its highest", mib(idle), mib(peak));
    run.compare_books().await?;
    Ok(pairs)
}

impl Run {
    async fn start(options: &Options) -> Result<Self> {
        let stand = Stand::new(options.database.as_deref()).await?;
        let (kaeru, bare) = (stand.kaeru().await?, stand.bare().await?);
        let measured = Duration::from_secs(options.seconds);
        Ok(Self { stand, kaeru, bare, measured, rounds: options.rounds, told: Vec::new() })
    }

    async fn pair(&mut self, clients: usize) -> Result<Pair> {
        let (mut ours, mut bare) = (Turns::default(), Turns::default());
        let mut floors = Vec::new();
        for _ in 0..self.rounds {
            self.turn(Target::Bare, clients, &mut bare).await?;
            self.turn(Target::Kaeru, clients, &mut ours).await?;
            floors.push(self.floor(clients).await?);
        }
        let floor = Sorted::of(floors.iter().map(|figures| figures.rate).collect()).median();
        let cpu = Sorted::of(floors.iter().map(|figures| figures.cpu).collect()).median();
        let pair = Pair { clients, kaeru: ours.figures(), bare: bare.figures(), floor };
        line("bare", clients, &pair.bare, None);
        line("kaeru", clients, &pair.kaeru, Some(pair.ratio()));
        let (rate, cpu) = (per_second(floor), cpu.as_micros());
        println!("       the same commits, bare: {rate}, {cpu} µs CPU of the client's side");
        let slowest = Sorted::of(std::mem::take(&mut ours.drained)).most();
        if slowest > Duration::from_secs(1) {
            println!("       what follows the answer was done {} after the load", ms(slowest));
        }
        let sandbox = ours.sandbox.div_f64(ours.conversions.max(1) as f64);
        println!("       the sandbox took {} µs CPU per conversion", sandbox.as_micros());
        self.told.append(&mut ours.told);
        self.told.append(&mut bare.told);
        Ok(pair)
    }

    async fn floor(&self, clients: usize) -> Result<floor::Figures> {
        let url = &self.stand.database;
        if url.starts_with("postgres") {
            floor::postgres(url, clients, self.measured).await
        } else {
            floor::sqlite(self.stand.folder(), clients, self.measured).await
        }
    }

    async fn turn(&self, target: Target, clients: usize, turns: &mut Turns) -> Result<()> {
        let is_kaeru = target == Target::Kaeru;
        let service = if is_kaeru { &self.kaeru } else { &self.bare };
        let customers = self.stand.customers(load::customers_for(clients)).await?;
        if is_kaeru {
            // What a page costs is not what a conversion costs.
            load::show_pages(service.at, customers.clone()).await?;
        }
        let counted = if is_kaeru { Commits::read(service.at).await? } else { Commits::default() };
        let cpu = process::cpu(service.pid())?;
        let sandbox = process::cpu(self.stand.sandbox_pid)?;
        let loaded = load::run(target, service.at, clients, customers.clone(), self.measured).await;
        let report = loaded.with_context(|| service.last_words())?;
        only_conversions(&report)?;
        if is_kaeru {
            turns.drained.push(metrics::quiet(service.at, DRAIN, &[]).await?);
            let now = Commits::read(service.at).await?.since(counted);
            turns.counts = (now.commits.is_some(), now.groups.is_some());
            turns.counted.0 += now.commits.unwrap_or(0.0);
            turns.counted.1 += now.groups.unwrap_or(0.0);
        }
        turns.sandbox += process::cpu(self.stand.sandbox_pid)?.saturating_sub(sandbox);
        turns.cpu += process::cpu(service.pid())?.saturating_sub(cpu);
        turns.add(customers, report);
        Ok(())
    }

    async fn compare_books(&self) -> Result<()> {
        let books = self.stand.sandbox.books().await?;
        ensure!(books.throttled == 0, "Shopify throttled {} calls", books.throttled);
        for (customers, converted) in &self.told {
            books::check(&books, customers, converted, &BTreeSet::new())?;
        }
        let told: u64 = self.told.iter().flat_map(|(_, converted)| converted.values()).sum();
        println!("books: {told} conversions told, each with one deduction and one live coupon");
        Ok(())
    }
}

/// Anything but a conversion makes the figures those of something else.
fn only_conversions(report: &Report) -> Result<()> {
    let others = report.others.iter().map(|(status, (count, text))| {
        let text: String = text.chars().take(300).collect();
        format!("{count} times {status}, first {text}")
    });
    let others: Vec<_> = others.collect();
    ensure!(others.is_empty(), "not only conversions: {}", others.join("; "));
    ensure!(report.conversions() > 0, "not a single conversion was answered");
    Ok(())
}

impl Turns {
    fn add(&mut self, customers: Range<u64>, report: Report) {
        self.rates.push(report.rate);
        self.conversions += report.conversions();
        self.latencies.extend(report.latencies);
        self.told.push((customers, report.converted));
    }

    fn figures(&self) -> Figures {
        let rates = Sorted::of(self.rates.clone());
        let latencies = Sorted::of(self.latencies.clone());
        let conversions = self.conversions.max(1) as f64;
        let (commits, groups) = self.counted;
        Figures {
            rate: (rates.median(), rates.least(), rates.most()),
            p50: latencies.median(),
            p99: latencies.percentile(99.0),
            cpu: self.cpu.div_f64(conversions),
            commits: self.counts.0.then(|| commits / conversions),
            per_fsync: self.counts.1.then(|| conversions / groups.max(1.0)),
        }
    }
}

fn header() {
    println!(
        "{:<6} {:>7} {:>10} {:>17} {:>8} {:>9} {:>9} {:>8} {:>8} {:>9}",
        "",
        "clients",
        "median",
        "least – most",
        "of bare",
        "p50",
        "p99",
        "CPU",
        "commits",
        "per fsync"
    );
}

fn line(name: &str, clients: usize, figures: &Figures, ratio: Option<f64>) {
    let (median, least, most) = figures.rate;
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
    println!(
        "{name:<6} {clients:>7} {:>10} {:>17} {:>8} {:>9} {:>9} {:>5} µs {:>8} {:>9}",
        per_second(median),
        format!("{least:.0} – {most:.0}"),
        ratio.map_or("1".to_owned(), |ratio| format!("{ratio:.2}")),
        ms(figures.p50),
        ms(figures.p99),
        figures.cpu.as_micros(),
        number(figures.commits),
        number(figures.per_fsync),
    );
}
