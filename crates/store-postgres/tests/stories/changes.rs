//! Changes told from server to server.

use runstate_store::Change;
use runstate_store_postgres::{Isolation, notify};
use runstate_store_sql::Backend as _;
use tokio::sync::broadcast;

use crate::fixture::{Fixture, TENANT};

fn change(devices: Option<Vec<String>>) -> Change {
    Change {
        tenant_id: Some(TENANT.to_owned()),
        devices,
    }
}

/// The next change that is not the one with which every connection begins.
async fn next(changes: &mut broadcast::Receiver<Change>) -> Change {
    loop {
        let change = changes.recv().await.unwrap();
        if change != Change::ANY {
            return change;
        }
    }
}

/// Waits until the server behind the receiver listens.
async fn listening(changes: &mut broadcast::Receiver<Change>) {
    assert_eq!(changes.recv().await, Ok(Change::ANY));
}

#[tokio::test]
async fn every_server_hears_of_what_is_committed() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut own = fixture.store.changes();
    let second = fixture.another().await;
    let mut other = second.changes();
    listening(&mut own).await;
    listening(&mut other).await;
    let tell = async |change: Change, fails: bool| {
        fixture
            .store
            .transaction(Isolation::Serializable, None, move |database| {
                notify(database, &change)?;
                match fails {
                    true => Err(runstate_store::Error::PreconditionFailed),
                    false => Ok(()),
                }
            })
            .await
    };
    let ids = |count: u32| Some((0..count).map(|n| format!("device-{n}")).collect());
    assert!(tell(change(ids(1)), true).await.is_err());
    let (few, all, many) = (change(ids(3)), change(None), change(ids(1_000)));
    for told in [few.clone(), all.clone(), many] {
        tell(told, false).await.unwrap();
    }
    for changes in [&mut own, &mut other] {
        assert_eq!(next(changes).await, few);
        assert_eq!(next(changes).await, all);
        // More than a notification holds.
        assert_eq!(next(changes).await, all);
    }
}

#[tokio::test]
async fn after_a_lost_connection_anything_may_have_changed() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut changes = fixture.store.changes();
    listening(&mut changes).await;
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    assert_eq!(fixture.database.psql(kill), "1");
    listening(&mut changes).await;
    let told = change(Some(vec!["d".to_owned()]));
    let sent = told.clone();
    let write = fixture
        .store
        .transaction(Isolation::Serializable, None, move |database| {
            notify(database, &sent)
        });
    write.await.unwrap();
    assert_eq!(changes.recv().await, Ok(told));
}
