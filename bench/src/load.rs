//! The load: closed (each connection asks again when it is answered) and open (requests are due at
//! their times, whether the earlier ones are answered or not).

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    failure::{Failure, Outcome},
    http::{Call, Connection},
    random::Random,
};

/// What was seen under a load.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Seconds from when a request was sent, or was due, to the end of its answer; in no order.
    pub(crate) latencies: Vec<f32>,
    /// For how long they were counted, in seconds.
    pub(crate) seconds: f64,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "far below 2⁵²")]
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// How many requests there were.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.latencies.len()).unwrap_or(u64::MAX)
    }
}

/// How a closed load is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closed {
    pub(crate) connections: usize,
    /// Before anything is counted.
    pub(crate) warm: Duration,
    pub(crate) time: Duration,
    pub(crate) seed: u64,
}

/// Each connection asks as fast as it is answered.
pub(crate) async fn closed<M>(address: SocketAddr, how: Closed, make: M) -> Outcome<Measured>
where
    M: Fn(&mut Random) -> Call + Clone + Send + 'static,
{
    let mut connections = Vec::new();
    for _ in 0..how.connections {
        connections.push(Connection::open(address).await?);
    }
    let start = Instant::now() + how.warm;
    let end = start + how.time;
    let mut tasks = JoinSet::new();
    for (number, mut connection) in (0..).zip(connections) {
        let make = make.clone();
        let mut random = Random::new(how.seed ^ (number << 32));
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let call = make(&mut random);
                let sent = Instant::now();
                connection.ask(call).await?;
                let done = Instant::now();
                if done >= end {
                    return Ok::<_, Failure>(latencies);
                }
                if done >= start {
                    latencies.push((done - sent).as_secs_f32());
                }
            }
        });
    }
    Ok(Measured {
        latencies: gather(tasks).await?,
        seconds: how.time.as_secs_f64(),
    })
}

/// So many requests over all connections, each as fast as it is answered.
pub(crate) async fn burst<M>(
    address: SocketAddr,
    connections: usize,
    requests: u64,
    seed: u64,
    make: M,
) -> Outcome
where
    M: Fn(&mut Random) -> Call + Clone + Send + 'static,
{
    let left = Arc::new(AtomicU64::new(requests));
    let mut tasks = JoinSet::new();
    for number in 0..u64::try_from(connections)? {
        let mut connection = Connection::open(address).await?;
        let (make, left) = (make.clone(), Arc::clone(&left));
        let mut random = Random::new(seed ^ (number << 32));
        tasks.spawn(async move {
            let take = |left: u64| left.checked_sub(1);
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .is_ok()
            {
                connection.ask(make(&mut random)).await?;
            }
            Ok::<_, Failure>(Vec::new())
        });
    }
    gather(tasks).await?;
    Ok(())
}

/// One connection asks so many times; seconds of each.
pub(crate) async fn times(
    connection: &mut Connection,
    call: &Call,
    many: usize,
) -> Outcome<Vec<f32>> {
    let mut seconds = Vec::with_capacity(many);
    for _ in 0..many {
        let call = call.clone();
        let start = Instant::now();
        connection.ask(call).await?;
        seconds.push(start.elapsed().as_secs_f32());
    }
    Ok(seconds)
}

/// How an open load is run.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) connections: usize,
    /// Requests per second of each kind.
    pub(crate) rates: Vec<f64>,
    pub(crate) time: Duration,
    pub(crate) seed: u64,
}

/// How often due requests are let go. Those that fall within one such step are due together at its
/// beginning, which is harder on the server than an even flow. Tokio's timer has steps of 1 ms, which
/// would be seen in the latencies; so a thread of its own sleeps from step to step, without spinning.
const STEP: Duration = Duration::from_micros(200);

/// What is due and not taken yet, by the moment it was due and its kind.
#[derive(Default)]
struct Due {
    queue: Mutex<VecDeque<(Instant, usize)>>,
}

impl Due {
    fn push(&self, due: Instant, kind: usize) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push_back((due, kind));
    }

    fn pop(&self) -> Option<(Instant, usize)> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    }
}

/// Requests are due at an even pace; any connection that is free takes the next. Latencies count
/// from when a request was due, so that one that had to wait for a connection is not flattered.
pub(crate) async fn open<M>(address: SocketAddr, how: &Open, make: M) -> Outcome<Measured>
where
    M: Fn(&mut Random, usize) -> Call + Clone + Send + 'static,
{
    let mut connections = Vec::new();
    for _ in 0..how.connections {
        connections.push(Connection::open(address).await?);
    }
    let (due, ready) = (Arc::new(Due::default()), Arc::new(Semaphore::new(0)));
    let mut tasks = JoinSet::new();
    for (number, mut connection) in (0..).zip(connections) {
        let make = make.clone();
        let mut random = Random::new(how.seed ^ (number << 32));
        let (due, ready) = (Arc::clone(&due), Arc::clone(&ready));
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                // Closed when all is due; what is left then is taken without a permit.
                if let Ok(permit) = ready.acquire().await {
                    permit.forget();
                }
                let Some((moment, kind)) = due.pop() else {
                    if ready.is_closed() {
                        return Ok::<_, Failure>(latencies);
                    }
                    continue;
                };
                connection.ask(make(&mut random, kind)).await?;
                latencies.push(moment.elapsed().as_secs_f32());
            }
        });
    }
    let (rates, time) = (how.rates.clone(), how.time);
    let pacer = std::thread::spawn(move || {
        pace(&rates, time, |moment, kind| {
            due.push(moment, kind);
            ready.add_permits(1);
        });
        ready.close();
    });
    let latencies = gather(tasks).await;
    // It has ended, or nobody waits for it any more.
    if latencies.is_ok() && pacer.join().is_err() {
        return crate::failure::fail("the pace was not kept");
    }
    Ok(Measured {
        latencies: latencies?,
        seconds: time.as_secs_f64(),
    })
}

fn pace(rates: &[f64], time: Duration, mut release: impl FnMut(Instant, usize)) {
    let start = Instant::now();
    let mut released = vec![0_u64; rates.len()];
    for step in 0.. {
        let at = STEP * step;
        if at >= time {
            return;
        }
        let moment = start + at;
        let wait = moment.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        for (kind, (rate, released)) in rates.iter().zip(&mut released).enumerate() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count of requests"
            )]
            let all = (rate * at.as_secs_f64()) as u64;
            for _ in *released..all {
                release(moment, kind);
            }
            *released = all;
        }
    }
}

async fn gather(mut tasks: JoinSet<Outcome<Vec<f32>>>) -> Outcome<Vec<f32>> {
    let mut all = Vec::new();
    while let Some(latencies) = tasks.join_next().await {
        all.extend(latencies??);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_lets_go_what_is_due() {
        let mut kinds = [0, 0];
        pace(
            &[10_000.0, 5_000.0],
            Duration::from_millis(10),
            |_, kind| {
                kinds[kind] += 1;
            },
        );
        assert_eq!(kinds, [98, 49]);
    }
}
