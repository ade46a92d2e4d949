//! `runstate demo --emulate`: a stand-in for Microsoft Graph, to test automation against. Before the
//! server that the product is stands a relay that refuses, delays and cuts off as it is told, and a
//! clock that is set by hand; and behind it are files that are exchanged for fresh ones between tests.
//!
//! Read in this order: `relay` (the way of a request), `fault` (which meets which fault), `clock`,
//! `log`, `instance` (the server behind, and resets), `control` (the pages by which it is told).

mod clock;
mod control;
mod fault;
mod instance;
mod log;
mod relay;

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use axum::Router;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use clap::Args;
use runstate_graph::clock::Clock;
use runstate_server::{auth::issuer::BuiltinIssuer, random};
use runstate_store::AnyStore;
use serde_json::{Value, json};

use self::{
    clock::HandedClock,
    fault::Faults,
    instance::{Instance, Pattern},
    log::Log,
    relay::BatchGate,
};
use super::Plan;
use crate::{clock::SystemClock, config::Settings, failure::Failure};

/// When a stand-in begins, unless told otherwise: the same day in every run, so that all that is dated
/// is dated alike.
const BEGINNING: &str = "2026-01-31T12:00:00Z";

/// How a stand-in for Graph behaves.
#[derive(Debug, Args)]
pub(super) struct EmulatorArgs {
    /// Stand in for Microsoft Graph in tests: with its throttling, faults on demand, a clock to set,
    /// and resets, controlled below /emulator. Never to be exposed to others
    #[arg(long, conflicts_with = "data")]
    pub(super) emulate: bool,

    /// With --emulate: Graph's limits of rate times this, such as 0.1
    #[arg(long, value_name = "FACTOR", requires = "emulate", default_value = "1", value_parser = factor)]
    throttle_scale: f64,

    /// With --emulate: TOML file with the faults that stand at the start and after each reset
    #[arg(long, value_name = "FILE", requires = "emulate")]
    faults: Option<PathBuf>,

    /// With --emulate: when the clock begins, such as 2026-01-31T12:00:00Z; "now" for the machine's time
    #[arg(long, value_name = "MOMENT", requires = "emulate", default_value = BEGINNING, value_parser = beginning)]
    clock: Beginning,

    /// With --emulate: the clock stands still until it is moved
    #[arg(long, requires = "emulate")]
    freeze_clock: bool,
}

/// When the clock begins.
#[derive(Debug, Clone, Copy)]
enum Beginning {
    Now,
    At(SystemTime),
}

fn beginning(text: &str) -> Result<Beginning, String> {
    match text {
        "now" => Ok(Beginning::Now),
        moment => clock::moment(moment).map(Beginning::At),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    let factor: f64 = text.parse().map_err(|_| "not a number")?;
    match factor > 0.0 && factor.is_finite() {
        true => Ok(factor),
        false => Err("not a number above 0".to_owned()),
    }
}

impl EmulatorArgs {
    /// The clock that they ask for.
    fn clock(&self) -> HandedClock {
        let shown = match self.clock {
            Beginning::Now => SystemClock.now(),
            Beginning::At(moment) => moment,
        };
        HandedClock::new(shown, self.freeze_clock)
    }

    fn faults(&self, seed: u64) -> Result<Faults, Failure> {
        let Some(path) = &self.faults else {
            return Ok(Faults::new(seed, Faults::none())?);
        };
        let wrong = |what: String| format!("{}: {what}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let list = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        Ok(Faults::new(seed, list).map_err(wrong)?)
    }
}

/// A stand-in that has its data and serves nobody yet.
pub(super) struct Prepared {
    pattern: Pattern,
    faults: Faults,
    plan: Plan,
    /// What the first tokens and the application are made with.
    pub(super) store: Arc<dyn AnyStore>,
    pub(super) issuer: Arc<BuiltinIssuer>,
}

impl Prepared {
    /// Makes the store in `folder` from which every instance begins, for the caller to fill.
    pub(super) async fn new(
        args: &EmulatorArgs,
        plan: Plan,
        settings: &Settings,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let faults = args.faults(plan.seed)?;
        let pattern = Pattern {
            folder: folder.to_owned(),
            settings: settings.clone(),
            clock: Arc::new(args.clock()),
            seed: plan.seed,
            throttle_scale: args.throttle_scale,
        };
        let (store, issuer) = pattern.first().await?;
        Ok(Self {
            pattern,
            faults,
            plan,
            store,
            issuer,
        })
    }

    /// When its clock begins, from which the data date.
    pub(super) fn beginning(&self) -> SystemTime {
        self.pattern.clock.now()
    }

    /// Closes the data and serves a copy of them.
    pub(super) async fn start(self) -> Result<Arc<Emulator>, Failure> {
        let Self {
            pattern,
            faults,
            plan,
            store,
            issuer,
        } = self;
        // They have the files open, which are copied once all of them is in there.
        tokio::task::spawn_blocking(move || drop((store, issuer))).await?;
        let (faults, log) = (Arc::new(faults), Arc::new(Log::default()));
        let gate = Arc::new(BatchGate {
            clock: pattern.clock.clone(),
            faults: faults.clone(),
            log: log.clone(),
        });
        let first = pattern.instance(gate.clone()).await?;
        pattern.clock.reset();
        Ok(Arc::new(Emulator {
            token: BASE64_URL_SAFE_NO_PAD.encode(random::bytes::<32>()?),
            clock: pattern.clock.clone(),
            pattern,
            plan,
            faults,
            log,
            gate,
            current: RwLock::new(Arc::new(first)),
            resetting: tokio::sync::Mutex::new(()),
        }))
    }
}

/// A stand-in for Graph.
pub(super) struct Emulator {
    /// By which its control is proven.
    pub(super) token: String,
    clock: Arc<HandedClock>,
    faults: Arc<Faults>,
    log: Arc<Log>,
    pattern: Pattern,
    plan: Plan,
    gate: Arc<BatchGate>,
    current: RwLock<Arc<Instance>>,
    /// One reset at a time.
    resetting: tokio::sync::Mutex<()>,
}

impl Emulator {
    /// All that it answers.
    pub(super) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .nest("/emulator", control::router(self))
            .fallback(relay::relay)
            .with_state(Arc::clone(self))
    }

    /// Ready once `shutdown` is and nothing is held up any more.
    pub(super) fn shutdown<F: Future<Output = ()>>(
        self: &Arc<Self>,
        shutdown: F,
    ) -> impl Future<Output = ()> + use<F> {
        let emulator = Arc::clone(self);
        async move {
            shutdown.await;
            emulator.faults.release();
            emulator.current().app.watchers.stop();
        }
    }

    /// Back to the beginning: data, ids, clock, limits, faults and log.
    async fn reset(&self) -> Result<(), Failure> {
        let _alone = self.resetting.lock().await;
        let fresh = Arc::new(self.pattern.instance(self.gate.clone()).await?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, fresh);
        drop(current);
        self.faults.reset();
        self.log.clear();
        self.pattern.clock.reset();
        Instance::end(old);
        Ok(())
    }

    fn current(&self) -> Arc<Instance> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// What it is, in a few words.
    fn overview(&self) -> Value {
        json!({
            "clock": self.clock.shown(),
            "faults": self.faults.list(),
            "seed": self.plan.seed,
            "users": self.plan.size.users,
            "devices": self.plan.size.devices,
            "throttleScale": self.pattern.throttle_scale,
        })
    }
}
