//! The writing thread by itself, on a small table.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, mpsc},
    task::Poll,
};

use super::*;

/// A writer on a table `t`, where `n` is unique, and `r` must be 0 when the transaction commits.
fn writer() -> Arc<Writer> {
    let connection = Connection::open_in_memory().unwrap();
    let schema = "CREATE TABLE zero (r PRIMARY KEY); INSERT INTO zero VALUES (0);
        CREATE TABLE t (n UNIQUE, r REFERENCES zero DEFERRABLE INITIALLY DEFERRED);
        PRAGMA foreign_keys = ON";
    connection.execute_batch(schema).unwrap();
    Arc::new(Writer::start(connection, None).unwrap())
}

async fn insert(writer: &Writer, n: i64, r: i64) -> Result<(), Error> {
    let insert = move |connection: &Connection| {
        let added = connection.execute("INSERT INTO t VALUES (?, ?)", [n, r]);
        added.map(drop).map_err(store_error)
    };
    writer.write(insert).await
}

async fn stored(writer: &Writer) -> Vec<i64> {
    let all = |connection: &Connection| {
        let mut statement = connection.prepare("SELECT n FROM t ORDER BY n").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        Ok(rows.map(Result::unwrap).collect())
    };
    writer.write(all).await.unwrap()
}

/// Keeps the thread at work until the answer is dropped, so that what comes next is one batch.
async fn hold(writer: &Arc<Writer>) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (started, at_work) = oneshot::channel();
    let writer = Arc::clone(writer);
    tokio::spawn(async move {
        let wait = move |_: &Connection| {
            started.send(()).unwrap();
            // Ends with an error when the sender is dropped.
            let _ = held.recv();
            Ok(())
        };
        writer.write(wait).await.unwrap();
    });
    at_work.await.unwrap();
    release
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

/// Queues the request of a write, which happens when it is first polled.
async fn queue<'a>(write: impl Future<Output = Result<(), Error>> + 'a) -> Waiting<'a> {
    let mut write: Waiting<'a> = Box::pin(write);
    poll_fn(|context| {
        assert!(write.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
    write
}

/// Queues the insertions behind whatever the thread is at, and then lets it go.
async fn in_one_batch(writer: &Arc<Writer>, insertions: &[(i64, i64)]) -> Vec<Result<(), Error>> {
    let release = hold(writer).await;
    let mut waiting = Vec::new();
    for (n, r) in insertions {
        waiting.push(queue(insert(writer, *n, *r)).await);
    }
    drop(release);
    let mut results = Vec::new();
    for insertion in waiting {
        results.push(insertion.await);
    }
    results
}

#[tokio::test]
async fn a_failure_is_its_own() {
    let writer = writer();
    let results = in_one_batch(&writer, &[(1, 0), (1, 0), (2, 0)]).await;
    let succeeded: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(succeeded, [true, false, true]);
    assert_eq!(stored(&writer).await, [1, 2]);
}

#[tokio::test]
async fn a_panic_is_a_failure_like_another() {
    let writer = writer();
    let release = hold(&writer).await;
    let before = queue(insert(&writer, 1, 0)).await;
    let panicking = queue(writer.write(|connection: &Connection| {
        connection
            .execute("INSERT INTO t VALUES (2, 0)", [])
            .unwrap();
        panic!("a fault of ours")
    }))
    .await;
    let after = queue(insert(&writer, 3, 0)).await;
    drop(release);
    before.await.unwrap();
    assert!(matches!(panicking.await, Err(Error::Internal { .. })));
    after.await.unwrap();
    assert_eq!(stored(&writer).await, [1, 3]);
}

#[tokio::test]
async fn a_commit_that_fails_is_everybodys() {
    let writer = writer();
    insert(&writer, 1, 0).await.unwrap();
    let results = in_one_batch(&writer, &[(2, 0), (3, 7), (4, 0)]).await;
    assert!(results.iter().all(Result::is_err), "{results:?}");
    assert_eq!(stored(&writer).await, [1]);
    insert(&writer, 2, 0).await.unwrap();
    assert_eq!(stored(&writer).await, [1, 2]);
}

#[tokio::test]
async fn a_transaction_that_sqlite_rolls_back_is_everybodys() {
    let writer = writer();
    let release = hold(&writer).await;
    let before = queue(insert(&writer, 1, 0)).await;
    // As SQLite does by itself where the disk is full.
    let rolled_back = queue(writer.write(|connection: &Connection| {
        connection.execute_batch("ROLLBACK").map_err(store_error)
    }))
    .await;
    drop(release);
    for result in [before.await, rolled_back.await] {
        assert!(
            matches!(result, Err(Error::Unavailable { .. })),
            "{result:?}"
        );
    }
    assert_eq!(stored(&writer).await, [0; 0]);
}

#[tokio::test]
async fn a_full_queue_turns_away() {
    let writer = writer();
    let release = hold(&writer).await;
    let mut waiting = Vec::new();
    for n in 0..i64::try_from(QUEUE).unwrap() {
        waiting.push(queue(insert(&writer, n, 0)).await);
    }
    let refused = insert(&writer, -1, 0).await;
    assert_eq!(
        refused,
        Err(Error::Busy {
            retry_after: RETRY_AFTER
        })
    );
    drop(release);
    for request in waiting {
        request.await.unwrap();
    }
    assert_eq!(stored(&writer).await.len(), QUEUE);
}

#[tokio::test]
async fn what_was_accepted_is_written_before_the_writer_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.db");
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch("CREATE TABLE t (n, r)").unwrap();
    let writer = Writer::start(connection, None).unwrap();
    let mut insertion = Box::pin(insert(&writer, 1, 0));
    poll_fn(|context| {
        // Queued, and perhaps done already.
        let _ = insertion.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
    // The client goes away.
    drop(insertion);
    drop(writer);
    let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let stored = Connection::open(&file)
        .unwrap()
        .query_row("SELECT n FROM t", [], count);
    assert_eq!(stored, Ok(1));
}
