//! The server behind the stand-in, and how another takes its place: each begins with a copy of the
//! files of one that was filled once, so that a reset takes as long as copying a few files does.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::Router;
use runstate_graph::clock::Clock;
use runstate_server::{App, auth::issuer::BuiltinIssuer, limits::Gate};
use runstate_store::AnyStore;
use tempfile::TempDir;

use super::clock::HandedClock;
use crate::{
    config::Settings,
    demo::fleet::seeded::Seeded,
    failure::Failure,
    open_store::open_file,
    serve::{Begun, Parts, limits},
};

/// The name of the store's file in each folder.
const FILE: &str = "demo.db";

/// What all instances have in common.
pub(super) struct Pattern {
    /// Where each has its folder.
    pub(super) folder: PathBuf,
    pub(super) settings: Settings,
    pub(super) clock: Arc<HandedClock>,
    pub(super) seed: u64,
    pub(super) throttle_scale: f64,
}

/// A server, with files of its own.
pub(super) struct Instance {
    pub(super) app: Arc<App>,
    pub(super) router: Router,
    begun: Mutex<Option<Begun>>,
    /// Last, for the server has its files open.
    _folder: TempDir,
}

impl Pattern {
    /// A store in the folder that the others are copied from, and the issuer that has its keys there.
    /// Both are to be dropped before the first instance is made.
    pub(super) async fn first(&self) -> Result<(Arc<dyn AnyStore>, Arc<BuiltinIssuer>), Failure> {
        let model = self.model();
        std::fs::create_dir(&model)?;
        let store = open_file(&model.join(FILE), self.clock.clone())?;
        let parts = self.parts(Arc::clone(&store), None);
        let site = parts.join(&self.settings).await?;
        Ok((store, site.issuer))
    }

    /// A server that nobody has asked anything yet.
    pub(super) async fn instance(&self, gate: Arc<dyn Gate>) -> Result<Instance, Failure> {
        let (model, within, clock) = (self.model(), self.folder.clone(), self.clock.clone());
        // Files are copied and threads started: nothing that others should wait for.
        let opened = tokio::task::spawn_blocking(move || -> Result<_, Failure> {
            let folder = tempfile::Builder::new().prefix("run-").tempdir_in(within)?;
            copy(&model, folder.path())?;
            let store = open_file(&folder.path().join(FILE), clock)?;
            Ok((folder, store))
        });
        let (folder, store) = opened.await??;
        let site = self.parts(store, Some(gate)).join(&self.settings).await?;
        let app = Arc::clone(&site.app);
        let (router, begun) = site.begin(&self.settings)?;
        Ok(Instance {
            router,
            app,
            begun: Mutex::new(Some(begun)),
            _folder: folder,
        })
    }

    fn parts(&self, store: Arc<dyn AnyStore>, gate: Option<Arc<dyn Gate>>) -> Parts {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let mut limits = limits(&self.settings).throttled_by(clock.clone(), self.throttle_scale);
        limits.gate = gate;
        let (seed, made) = (self.seed, AtomicU64::new(0));
        let new_id = move || {
            let number = made.fetch_add(1, Ordering::Relaxed);
            Ok(Seeded::guid(seed, &format!("new/{number}")))
        };
        Parts {
            store,
            clock,
            new_ids: Arc::new(new_id),
            limits,
        }
    }

    fn model(&self) -> PathBuf {
        self.folder.join("model")
    }
}

impl Instance {
    /// Ends it: who waits for news is answered, and what is in flight goes on to its end.
    pub(super) fn end(instance: Arc<Self>) {
        instance.app.watchers.stop();
        tokio::spawn(async move {
            let begun = instance
                .begun
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(begun) = begun {
                begun.end().await;
            }
            // The last to hold it closes its files, which takes a moment and may be this.
            tokio::task::spawn_blocking(move || drop(instance));
        });
    }
}

/// Copies what is in a folder into another that is there.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
