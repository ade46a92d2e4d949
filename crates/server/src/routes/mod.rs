//! What the service does: one file per act. The paths to which an act applies follow from the
//! schema (`runstate_graph::entity`), and whoever may ask from `runstate_graph::permit::rules`.

mod assign;
mod batch;
mod blank;
mod body;
mod count;
mod create;
mod delete;
mod devices;
mod functions;
mod get;
mod has_payload_links;
mod list;
mod preview;
pub(crate) mod principal;
mod references;
mod roll_back;
mod root;
mod run_requests;
mod subscriptions;
mod update;

use http::Method;
use runstate_graph::{
    entity,
    error::Error,
    json::{
        url,
        write::{Format, Writer},
    },
    permit::{Act, Caller, Permit, authorize, authorize_query},
    row::{Page, Row},
};
use runstate_odata::{
    check::{self, Query, ResourcePath, Tail},
    edm::{Action, Record, StructuredType, Value},
    grammar::{self, ast::Options},
};

use crate::{
    App,
    dispatch::{method_not_allowed, model},
    exchange::{Answer, Failure, Request},
    failure, negotiate,
};

/// A permitted request.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a App,
    pub(crate) request: &'a Request<'a>,
    pub(crate) caller: &'a Caller,
    pub(crate) path: ResourcePath,
    pub(crate) permit: Permit,
}

/// Does a permitted act.
///
/// IntuneCD reads and replaces the assignments of scripts of every kind below
/// `deviceManagementScripts`, as Intune lets it; so where no PowerShell script has the id, a script
/// of another kind is looked for.
pub(crate) async fn act(call: Call<'_>, act: Act) -> Result<Answer, Failure> {
    let answer = act_on(&call, act).await;
    if !matches!(&answer, Err(failure) if failure.error.status == 404) {
        return answer;
    }
    for path in assignments_elsewhere(&call.path) {
        // Of the same rights, and of another path in the audit.
        let permit = authorize(&path, act, call.caller)?.from(call.request.origin);
        let other = Call {
            path,
            permit,
            ..call
        };
        let elsewhere = act_on(&other, act).await;
        if !matches!(&elsewhere, Err(failure) if failure.error.status == 404) {
            return elsewhere;
        }
    }
    answer
}

/// The same path to `assign` or `assignments` below the other collections of scripts, where it is
/// one below `deviceManagementScripts`.
fn assignments_elsewhere(path: &ResourcePath) -> impl Iterator<Item = ResourcePath> {
    let of_powershell = path.steps.get(1).is_some_and(|step| {
        *step.navigation.target == entity::DEVICE_MANAGEMENT_SCRIPT && step.key.is_some()
    });
    let assigns = matches!(&path.tail, Tail::Action(action) if action.name == entity::ASSIGN.name);
    let assignments = path
        .steps
        .get(2)
        .is_some_and(|step| *step.navigation.target == entity::ASSIGNMENT);
    let others = entity::DEVICE_MANAGEMENT
        .navigation
        .iter()
        .filter(|navigation| {
            entity::SCRIPT_TYPES.contains(&navigation.target)
                && *navigation.target != entity::DEVICE_MANAGEMENT_SCRIPT
        });
    others
        .filter(move |_| of_powershell && (assigns || assignments))
        .map(|navigation| {
            let mut path = path.clone();
            if let Some(step) = path.steps.get_mut(1) {
                step.navigation = navigation;
            }
            path
        })
}

async fn act_on(call: &Call<'_>, act: Act) -> Result<Answer, Failure> {
    if call.path.ty() == Some(&entity::ASSIGNED_SCRIPT) {
        return match act {
            Act::List => devices::assigned_scripts(call).await,
            Act::Count => devices::count(call).await,
            _ => devices::assigned_script(call).await,
        };
    }
    if call.path.ty() == Some(&entity::SUBSCRIPTION) {
        return subscriptions::act(call, act).await;
    }
    match act {
        Act::List => list::list(call).await,
        Act::Get => get::get(call).await,
        Act::Count => count::count(call).await,
        Act::Create => create::create(call).await,
        Act::Update => update::update(call).await,
        Act::Delete => delete::delete(call).await,
        Act::ListReferences => references::list(call).await,
        Act::AddReference => references::add(call).await,
        Act::RemoveReference => references::remove(call).await,
        Act::Invoke => invoke(call).await,
        Act::Call => functions::call(call),
    }
}

async fn invoke(call: &Call<'_>) -> Result<Answer, Failure> {
    let Tail::Action(action) = &call.path.tail else {
        return Err(failure::internal());
    };
    let is = |other: &Action| action.name == other.name;
    match action {
        _ if is(&entity::ASSIGN) => assign::assign(call).await,
        _ if is(&entity::ROLL_BACK) => roll_back::roll_back(call).await,
        _ if is(&entity::PREVIEW_ASSIGN) => preview::assign(call).await,
        _ if is(&entity::PREVIEW_RUN_REQUEST) => preview::run_request(call).await,
        _ if is(&entity::CANCEL) => run_requests::cancel(call).await,
        _ if is(&entity::RETIRE) => devices::retire(call).await,
        _ if is(&entity::REPORT_INVENTORY) => devices::report_inventory(call).await,
        _ => has_payload_links::has_payload_links(call).await,
    }
}

/// What is asked of the service itself rather than of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// `/`
    Document,
    /// `/$metadata`
    Metadata,
    /// `/$batch`
    Batch,
}

impl Service {
    /// What the path asks for; nothing for one that leads to an entity.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path.trim_matches('/') {
            "" => Some(Self::Document),
            name if name.eq_ignore_ascii_case("$metadata") => Some(Self::Metadata),
            name if name.eq_ignore_ascii_case("$batch") => Some(Self::Batch),
            _ => None,
        }
    }

    fn method(self) -> Method {
        match self {
            Self::Document | Self::Metadata => Method::GET,
            Self::Batch => Method::POST,
        }
    }
}

/// Answers what is asked of the service itself; nothing for any other path.
pub(crate) async fn service(app: &App, request: &Request<'_>) -> Option<Result<Answer, Failure>> {
    let service = Service::at(request.path)?;
    let allowed = service.method();
    if request.method != allowed {
        return Some(Err(method_not_allowed(
            &request.method,
            &[allowed.as_str()],
        )));
    }
    Some(match service {
        Service::Document => root::service_document(request),
        Service::Metadata => root::metadata(request),
        Service::Batch => batch::batch(app, request).await,
    })
}

/// Whether a path asks for what everybody may read: the schema and the list of entity sets hold
/// nothing of any tenant.
pub(crate) fn is_public(method: &Method, path: &str) -> bool {
    let readable = Service::at(path).is_some_and(|service| service.method() == Method::GET);
    readable && *method == Method::GET
}

/// How long a link to a next page may be, in bytes: no longer URL can be asked for (`http::Uri`).
const LONGEST_LINK: usize = 65_534;

/// How a set of options is checked: as those of a collection, of one entity, or of a count.
type Check = fn(
    &'static StructuredType,
    &Options,
    &runstate_odata::edm::Model,
) -> Result<Query, runstate_odata::Error>;

impl Call<'_> {
    /// The request's options, checked against the type at the end of the path, with leave to follow
    /// whatever they follow; and the form of the answer.
    fn query(&self, check: Check) -> Result<(Query, Format), Failure> {
        let options = grammar::options::parse(self.request.query)?;
        let format = negotiate::format(self.request.headers, options.format.as_deref())?;
        Ok((self.check(check, &options)?, format))
    }

    fn check(&self, check: Check, options: &Options) -> Result<Query, Failure> {
        let ty = self.path.ty().unwrap_or(&entity::ENTITY);
        let query = check(ty, options, model(self.request.version))?;
        authorize_query(&self.path, &query, self.caller)?;
        Ok(query)
    }

    fn entity_query(&self) -> Result<(Query, Format), Failure> {
        self.query(check::entity_query)
    }

    fn writer(&self, format: Format) -> Writer<'_> {
        Writer {
            root: self.request.root,
            format,
        }
    }

    /// A page of the collection at the end of the path, and the link to the next.
    async fn page(&self, query: &Query, size: u32) -> Result<(Page, Option<String>), Failure> {
        let store = &self.app.store;
        let page = store.entity_list(&self.permit, &self.path, query, size);
        let mut page = page.await.map_err(failure::of_store)?;
        blank::page(&mut page, query, self.caller);
        let url = format!("{}{}", self.request.root, self.request.path);
        let next = page.next.as_ref();
        let next = next.map(|token| url::next_link(&url, self.request.query, token));
        if next.as_ref().is_some_and(|link| link.len() > LONGEST_LINK) {
            let message = format!(
                "The query options are too long: with them the link to the next page would have \
                 more than {LONGEST_LINK} bytes."
            );
            return Err(Error::bad_query(message).into());
        }
        Ok((page, next))
    }

    /// The entity at the end of `path`.
    async fn entity(&self, path: &ResourcePath, query: &Query) -> Result<Row, Failure> {
        let singletons = [&entity::DEVICE_MANAGEMENT, &entity::RUNSTATE];
        if singletons.contains(&query.ty) {
            return Ok(self.singleton(query.ty));
        }
        let row = self.app.store.entity_get(&self.permit, path, query).await;
        let mut row = row.map_err(failure::of_store)?;
        blank::row(&mut row, query, self.caller);
        Ok(row)
    }

    /// A singleton that holds collections: it is there for every tenant, and is not stored.
    fn singleton(&self, ty: &'static StructuredType) -> Row {
        let mut record = Record::new(ty);
        let id = self.permit.tenant_id().to_owned();
        record.set(entity::ID.name, Value::String(id));
        Row {
            record,
            version: 1,
            expanded: Vec::new(),
        }
    }

    /// Refuses system query options where none means anything.
    fn no_options(&self) -> Result<(), Failure> {
        let options = grammar::options::parse(self.request.query)?;
        match options.values().first() {
            Some((name, _)) => {
                let message =
                    format!("The query option '{name}' is not supported by this operation.");
                Err(Error::bad_query(message).into())
            }
            None => Ok(()),
        }
    }

    /// What was just written, read again where the answer is to hold more than was written.
    async fn reread(&self, query: &Query, row: Row) -> Result<Row, Failure> {
        if query.expand.is_empty() {
            return Ok(row);
        }
        let mut path = self.path.clone();
        if let Some(last) = path
            .steps
            .last_mut()
            .filter(|step| step.navigation.collection)
        {
            last.key = Some(row.id().to_owned());
        }
        self.entity(&path, query).await
    }
}
