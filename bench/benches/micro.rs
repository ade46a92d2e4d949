//! Micro-benchmarks of what every request passes through.
//!
//! As `cargo bench` starts it, divan measures times. With `--once NAME COUNT` it does one of them
//! COUNT times and says nothing, for `cargo xtask instructions` to count.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark whose set-up fails has nothing to measure, and its names are printed"
)]

use std::{
    hint::black_box,
    process::ExitCode,
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use divan::Bencher;
use hyper::header::HeaderValue;
use runstate_graph::{
    clock::Clock,
    entity::{DEVICE_STATE, MODEL},
    json::{
        Json,
        read::{self, Purpose},
        write::{Format, Writer},
    },
    permit::{self, Act, Caller, CallerKind},
    row::{Expanded, Page, Row},
};
use runstate_odata::{
    check::{self, Query, ResourcePath},
    edm::{DateTimeOffset, Record, Value},
    grammar,
};
use runstate_server::{
    auth::{
        Authenticator,
        issuer::{BuiltinIssuer, Grant, Subject},
    },
    base_url::BaseUrl,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many runs are made ready with `--once`, whatever COUNT says, so that the set-up of all counts
/// is the same.
const READY: usize = 1000;

const PATH: &str = "/deviceManagement/deviceShellScripts/0f5a1c7e-3d68-4b0e-9a35-51d2c8e4b701\
    /deviceRunStates/0f5a1c7e-3d68-4b0e-9a35-51d2c8e4b701:7c1b9e52-84f3-4d6a-b0c8-2e9f61a3d504";
const STATES: &str =
    "/deviceManagement/deviceShellScripts/0f5a1c7e-3d68-4b0e-9a35-51d2c8e4b701/deviceRunStates";
/// The page that administrators look at.
const OPTIONS: &str = "$filter=runState%20eq%20'fail'&$orderby=lastStateUpdateDateTime%20desc\
    &$top=100&$count=true&$expand=managedDevice";
/// The specification's `PATCH`.
const BODY: &[u8] = br##"{
    "@odata.type": "#microsoft.graph.deviceManagementScriptDeviceState",
    "runState": "success",
    "resultMessage": "Result Message value",
    "lastStateUpdateDateTime": "2017-01-01T00:02:58.4418045-08:00",
    "errorCode": 9,
    "errorDescription": "Error Description value"
  }"##;
const TENANT: &str = "62656e63-6800-4000-8000-000000000000";
const CLIENT: &str = "62656e63-6800-4000-8000-000000000001";
const PERMISSION: &str = "DeviceManagementConfiguration.ReadWrite.All";

/// What is measured: done once. Making it is not measured.
type Run = Box<dyn FnOnce()>;
/// Makes runs of one benchmark.
type Runs = Box<dyn FnMut() -> Run>;
/// A name and the set-up of what it names.
type Benchmark = (&'static str, fn() -> Runs);

const BENCHMARKS: [Benchmark; 10] = [
    ("parse path", || same(|| path(black_box(PATH)))),
    ("parse options", || same(|| query(black_box(OPTIONS)))),
    ("authorize PATCH", authorize),
    ("token, remembered", token_remembered),
    ("token, new", token_new),
    ("read JSON of PATCH", || same(|| read(black_box(BODY)))),
    ("write state", write_state),
    ("write page of 100", write_page),
    ("parse DateTimeOffset", || {
        let text = "2017-01-01T00:02:58.4418045-08:00";
        same(move || DateTimeOffset::parse(black_box(text)))
    }),
    ("write DateTimeOffset", || {
        let date = date();
        same(move || black_box(&date).to_string())
    }),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--names"] => NAMES.iter().for_each(|name| println!("{name}")),
        ["--once", name, count] => {
            let known = BENCHMARKS.iter().find(|(known, _)| known == name);
            let count = count.parse().ok().filter(|count| *count <= READY);
            let (Some((_, set_up)), Some(count)) = (known, count) else {
                eprintln!("Usage: --once NAME COUNT, with one of --names and 0 to {READY}");
                return ExitCode::FAILURE;
            };
            once(set_up(), count);
        }
        _ => divan::main(),
    }
    ExitCode::SUCCESS
}

/// The names of [`BENCHMARKS`].
const NAMES: [&str; BENCHMARKS.len()] = {
    let mut names = [""; BENCHMARKS.len()];
    let mut at = 0;
    while at < names.len() {
        #[expect(clippy::indexing_slicing, reason = "both are of that length")]
        {
            names[at] = BENCHMARKS[at].0;
        }
        at += 1;
    }
    names
};

#[divan::bench(args = NAMES)]
fn micro(bencher: Bencher<'_, '_>, name: &str) {
    let known = BENCHMARKS.iter().find(|(known, _)| *known == name);
    let (_, set_up) = known.expect("names are of benchmarks");
    bencher
        .with_inputs(set_up())
        .bench_local_values(|run| run());
}

fn once(mut make: Runs, count: usize) {
    // What is made at first use belongs to the set-up.
    make()();
    let ready: Vec<Run> = (0..READY).map(|_| make()).collect();
    let mut ready = ready.into_iter();
    // What is left is dropped, which a run that is done does too: only what it does makes a difference.
    ready.by_ref().take(count).for_each(|run| run());
}

/// Runs that all do the same.
fn same<T>(run: impl Fn() -> T + 'static) -> Runs {
    let run = Rc::new(run);
    Box::new(move || {
        let run = Rc::clone(&run);
        Box::new(move || drop(black_box(run())))
    })
}

fn path(text: &str) -> ResourcePath {
    let segments = grammar::path::parse(text).expect("a path");
    check::path(&MODEL, &segments).expect("a resource")
}

fn query(text: &str) -> Query {
    let options = grammar::options::parse(text).expect("options");
    check::query(&DEVICE_STATE, &options, &MODEL).expect("a query")
}

fn read(body: &[u8]) -> read::Body {
    let json = Json::parse(body).expect("JSON");
    read::entity(&DEVICE_STATE, &json, Purpose::Update).expect("a state")
}

fn authorize() -> Runs {
    let path = path(PATH);
    let caller = Caller {
        tenant_id: TENANT.to_owned(),
        kind: CallerKind::Application,
        permissions: vec![PERMISSION.to_owned()],
        client_id: Some(CLIENT.to_owned()),
    };
    same(move || {
        permit::authorize(black_box(&path), Act::Update, black_box(&caller)).expect("a permit")
    })
}

/// A clock that stands still: a token is as old in the last run as in the first.
struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }
}

/// A server's part that knows tokens, and the issuer of them.
struct Tokens {
    runtime: Runtime,
    authenticator: Authenticator,
    issuer: Arc<BuiltinIssuer>,
    _folder: TempDir,
}

impl Tokens {
    fn new() -> Rc<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let clock: Arc<dyn Clock> = Arc::new(StillClock);
        // Beside a server: no work in the background that would be counted.
        let file = folder.path().join("runstate.db");
        let store =
            runstate_store_sqlite::open_beside(file, Arc::clone(&clock)).expect("a new file");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let issuer = BuiltinIssuer::open(Arc::new(store), Arc::clone(&clock), BaseUrl::default());
        let issuer = Arc::new(runtime.block_on(issuer).expect("a new key"));
        let authenticator = Authenticator::new(clock, Some(Arc::clone(&issuer)), Vec::new());
        Rc::new(Self {
            runtime,
            authenticator: authenticator.expect("no TLS is needed"),
            issuer,
            _folder: folder,
        })
    }

    /// A token that there was not before, as a header.
    fn issue(&self) -> HeaderValue {
        let token = self.issuer.issue(&Grant {
            tenant_id: TENANT.to_owned(),
            subject: Subject::Application,
            permissions: vec![PERMISSION.to_owned()],
            client_id: CLIENT.to_owned(),
            expires_in: 3600,
        });
        let token = token.expect("randomness");
        HeaderValue::from_str(&format!("Bearer {token}")).expect("a header")
    }

    fn authenticate(&self, header: &HeaderValue) -> Arc<Caller> {
        let caller = self.authenticator.authenticate(Some(header));
        self.runtime.block_on(caller).expect("a caller")
    }
}

fn token_remembered() -> Runs {
    let tokens = Tokens::new();
    let header = tokens.issue();
    tokens.authenticate(&header);
    same(move || tokens.authenticate(black_box(&header)))
}

fn token_new() -> Runs {
    let tokens = Tokens::new();
    // The issuer's key is fetched with the first.
    tokens.authenticate(&tokens.issue());
    Box::new(move || {
        let tokens = Rc::clone(&tokens);
        let header = tokens.issue();
        Box::new(move || drop(black_box(tokens.authenticate(&header))))
    })
}

fn write_state() -> Runs {
    let (path, query, row) = (path(PATH), Query::all(&DEVICE_STATE), state(0));
    same(move || writer().entity(black_box(&path), &query, black_box(&row), true))
}

fn write_page() -> Runs {
    let (path, query) = (path(STATES), query(OPTIONS));
    let with_device = |number| {
        let mut row = state(number);
        for expand in &query.expand {
            let device = device(Record::new(expand.navigation.target), number);
            let device = Expanded::One(Some(Box::new(device)));
            row.expanded.push((expand.navigation, device));
        }
        row
    };
    let page = Page {
        rows: (0..100).map(with_device).collect(),
        count: Some(1_000),
        next: None,
    };
    let next = format!("https://localhost:8443/beta{STATES}?{OPTIONS}&$skiptoken=token");
    same(move || writer().collection(black_box(&path), &query, black_box(&page), Some(&next)))
}

fn writer() -> Writer<'static> {
    Writer {
        root: "https://localhost:8443/beta",
        format: Format::default(),
    }
}

fn date() -> DateTimeOffset {
    DateTimeOffset::parse("2017-01-01T00:02:58.4418045-08:00").expect("a date")
}

/// The state of a device, as the specification's `PATCH` leaves it.
fn state(number: u32) -> Row {
    let mut record = Record::new(&DEVICE_STATE);
    for (position, value) in read(BODY).values {
        *record.values.get_mut(position).expect("a property") = value;
    }
    let id = format!("0f5a1c7e-3d68-4b0e-9a35-51d2c8e4b701:7c1b9e52-84f3-4d6a-b0c8-{number:012x}");
    filled(record, vec![("id", Value::String(id))])
}

/// A device with what an agent reports of it.
fn device(record: Record, number: u32) -> Row {
    let text = |text: &str| Value::String(text.to_owned());
    let values = vec![
        (
            "id",
            text(&format!("7c1b9e52-84f3-4d6a-b0c8-{number:012x}")),
        ),
        ("deviceName", text(&format!("device-{number:06}"))),
        ("managedDeviceOwnerType", Value::Enum(1)),
        ("enrolledDateTime", Value::DateTimeOffset(date())),
        ("lastSyncDateTime", Value::DateTimeOffset(date())),
        ("operatingSystem", text("Linux")),
        ("osVersion", text("Debian GNU/Linux 12 (bookworm)")),
        ("complianceState", Value::Enum(1)),
        ("azureADRegistered", Value::Boolean(true)),
        ("userPrincipalName", text("adele.vance@contoso.example")),
        ("model", text("ThinkPad X1 Carbon Gen 11")),
        ("manufacturer", text("LENOVO")),
        ("serialNumber", text(&format!("PF{number:06}"))),
        ("totalStorageSpaceInBytes", Value::Int64(512_110_190_592)),
        ("freeStorageSpaceInBytes", Value::Int64(301_234_567_168)),
        ("isEncrypted", Value::Boolean(true)),
    ];
    filled(record, values)
}

fn filled(mut record: Record, values: Vec<(&str, Value)>) -> Row {
    for (name, value) in values {
        assert!(record.set(name, value), "{name} is a property");
    }
    Row {
        record,
        version: 7,
        expanded: Vec::new(),
    }
}
