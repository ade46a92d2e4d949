//! A transaction on a connection, as the statements that all backends share see it.

use std::{borrow::Cow, cell::RefCell, fmt::Write as _, sync::LazyLock};

use bytes::BytesMut;
use deadpool_postgres::Object;
use runstate_store::{
    Error,
    query::{Bind, Dialect},
};
use runstate_store_sql::{BindRef, Cells, Database};
use tokio::{runtime::Handle, sync::oneshot};
use tokio_postgres::{
    Row, Statement,
    types::{FromSql, IsNull, ToSql, Type},
};

use crate::{
    connection::discard,
    error::{Fate, Misfit, fate, internal, store_error},
    tenant::Texts,
    tls::Tls,
};

/// How many prepared statements a connection keeps before it forgets all of them: the queries of
/// clients repeat, but there is no end to what they may ask.
const STATEMENTS: usize = 256;

/// What tenants' transactions have asked for, on whichever connection.
static TEXTS: LazyLock<Texts> = LazyLock::new(Texts::default);

/// A connection out of the pool, in a transaction. Goes back where the transaction has been ended, and
/// is thrown away where it has not, as after a panic.
pub(crate) struct Transaction {
    /// None only while dropped.
    client: Option<Object>,
    handle: Handle,
    /// Whose data the transaction is about, where it is one's.
    tenant_id: Option<String>,
    /// Ready when nobody waits for the work any more, with what it takes to interrupt it.
    unwanted: RefCell<Option<(oneshot::Receiver<()>, Tls)>>,
    /// The first statement that failed: after it PostgreSQL takes no other in this transaction.
    failed: RefCell<Option<Failed>>,
}

/// How a statement failed.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) fate: Fate,
}

impl Transaction {
    /// For a thread that may block; `client` is in a transaction.
    pub(crate) fn new(client: Object, handle: Handle) -> Self {
        Self {
            client: Some(client),
            handle,
            tenant_id: None,
            unwanted: RefCell::new(None),
            failed: RefCell::new(None),
        }
    }

    /// The same, about that tenant's data alone.
    pub(crate) fn of(mut self, tenant_id: Option<&str>) -> Self {
        self.tenant_id = tenant_id.map(str::to_owned);
        self
    }

    /// The same, whose statements end when the sender of `unwanted` is gone.
    pub(crate) fn until(self, unwanted: oneshot::Receiver<()>, tls: Tls) -> Self {
        self.unwanted.replace(Some((unwanted, tls)));
        self
    }

    /// The first statement that failed.
    pub(crate) fn failed(&self) -> Option<Failed> {
        self.failed.borrow().clone()
    }

    /// Ends the transaction by `COMMIT` or `ROLLBACK`, and gives the connection back where that went
    /// well.
    pub(crate) fn end(mut self, sql: &str) -> Result<(), tokio_postgres::Error> {
        let Some(client) = self.client.take() else {
            return Ok(());
        };
        let ended = self.handle.block_on(client.batch_execute(sql));
        if ended.is_err() {
            discard(client);
        }
        ended
    }

    fn client(&self) -> Result<&Object, Error> {
        let client = self.client.as_ref();
        client.ok_or_else(|| internal("a transaction without a connection"))
    }

    /// Runs the statement; `run` does so once it is prepared.
    fn run<T>(
        &self,
        sql: &str,
        binds: &[BindRef<'_>],
        run: impl AsyncFnOnce(&Object, &Statement, &[&(dyn ToSql + Sync)]) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        if let Some(failed) = self.failed() {
            return Err(failed.error);
        }
        let client = self.client()?;
        let text;
        let (sql, tenant_id): (Cow<'_, str>, _) = match &self.tenant_id {
            Some(tenant_id) => {
                let scoped = TEXTS.of_tenant(sql, binds.len());
                text = scoped.map_err(|error| internal(error.to_string()))?;
                let bound = text.has_tenant.then_some(BindRef::from(tenant_id));
                (text.sql.as_str().into(), bound)
            }
            None => (numbered(sql), None),
        };
        let values = binds.iter().copied().chain(tenant_id);
        let values: Vec<Value<'_>> = values.map(Value).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let work = async {
            if client.statement_cache.size() > STATEMENTS {
                client.statement_cache.clear();
            }
            let statement = client.prepare_cached(&sql).await?;
            if statement.params().len() != values.len() {
                let (wanted, given) = (statement.params().len(), values.len());
                let detail = format!("{given} values for {wanted} placeholders in {sql}");
                return Err(Failure::Ours(internal(detail)));
            }
            run(client, &statement, &values).await
        };
        // Taken for this statement alone, by the one thread that has the transaction.
        let mut unwanted = self.unwanted.take();
        let done = self.handle.block_on(async {
            let Some((unwanted, tls)) = &mut unwanted else {
                return work.await;
            };
            tokio::select! {
                done = work => done,
                _ = unwanted => {
                    // Where it cannot be told to stop, its time-out stops it.
                    let _ = client.cancel_token().cancel_query(tls.clone()).await;
                    Err(Failure::Unwanted)
                }
            }
        });
        self.unwanted.replace(unwanted);
        done.map_err(|failure| {
            let failed = match failure {
                Failure::Ours(error) => Failed {
                    error,
                    fate: Fate::Final,
                },
                // Whatever the server is still about, it is nothing for the next who gets this connection.
                Failure::Unwanted => Failed {
                    error: Error::TooLong,
                    fate: Fate::Lost,
                },
                Failure::Postgres(error) => {
                    let failed = Failed {
                        error: store_error(&error),
                        fate: fate(&error),
                    };
                    if matches!(failed.error, Error::Internal { .. }) {
                        tracing::error!(error = %failed.error, sql = %sql, "a statement failed");
                    }
                    failed
                }
            };
            let error = failed.error.clone();
            self.failed.replace(Some(failed));
            error
        })
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            discard(client);
        }
    }
}

enum Failure {
    Postgres(tokio_postgres::Error),
    Ours(Error),
    Unwanted,
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl Database for Transaction {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(&self, sql: &str, binds: &[BindRef<'_>]) -> Result<Vec<Cells>, Error> {
        self.run(sql, binds, async |client, statement, values| {
            let rows = client.query(statement, values).await?;
            let rows: Result<Vec<Cells>, _> = rows.iter().map(cells).collect();
            Ok(rows?)
        })
    }

    fn execute(&self, sql: &str, binds: &[BindRef<'_>]) -> Result<u64, Error> {
        self.run(sql, binds, async |client, statement, values| {
            Ok(client.execute(statement, values).await?)
        })
    }
}

/// The statement with its placeholders `?1` as `$1`; not within literals and quoted names.
pub(crate) fn numbered(sql: &str) -> Cow<'_, str> {
    if !sql.contains('?') {
        return Cow::Borrowed(sql);
    }
    let mut text = String::with_capacity(sql.len());
    let mut quote = None;
    let mut letters = sql.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            // A doubled quote ends the literal and begins it again.
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '?') if letters.peek().is_some_and(char::is_ascii_digit) => {
                text.push('$');
                continue;
            }
            _ => {}
        }
        text.push(letter);
    }
    Cow::Owned(text)
}

/// A value for a placeholder, in the type that the server has found for it.
#[derive(Debug)]
pub(crate) struct Value<'a>(pub(crate) BindRef<'a>);

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let misfit = |what: &str| -> Box<dyn std::error::Error + Sync + Send> {
            Box::new(Misfit(format!("{what} for a placeholder of type {ty}")))
        };
        match (self.0, ty) {
            (BindRef::Null, _) => Ok(IsNull::Yes),
            (BindRef::Integer(number), &Type::INT8) => number.to_sql(ty, out),
            (BindRef::Integer(number), &Type::INT4) => i32::try_from(number)
                .map_err(|_| misfit("a number of 64 bits"))?
                .to_sql(ty, out),
            (BindRef::Integer(number), &Type::INT2) => i16::try_from(number)
                .map_err(|_| misfit("a number of 64 bits"))?
                .to_sql(ty, out),
            (BindRef::Integer(number @ (0 | 1)), &Type::BOOL) => (number == 1).to_sql(ty, out),
            (BindRef::Integer(_), _) => Err(misfit("a number")),
            (BindRef::Text(text), &Type::TEXT | &Type::VARCHAR | &Type::NAME) => {
                text.to_sql(ty, out)
            }
            (BindRef::Text(_), _) => Err(misfit("a text")),
            (BindRef::Blob(bytes), &Type::BYTEA) => bytes.to_sql(ty, out),
            (BindRef::Blob(_), _) => Err(misfit("bytes")),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// The cells of a row.
pub(crate) fn cells(row: &Row) -> Result<Cells, tokio_postgres::Error> {
    let cell = |at| row.try_get::<_, Cell>(at).map(|cell| cell.0);
    (0..row.len()).map(cell).collect()
}

/// What a column of an answer holds.
struct Cell(Bind);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT8 => Bind::Integer(i64::from_sql(ty, raw)?),
            Type::INT4 => Bind::Integer(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Bind::Integer(i16::from_sql(ty, raw)?.into()),
            Type::BOOL => Bind::Integer(bool::from_sql(ty, raw)?.into()),
            Type::TEXT | Type::VARCHAR | Type::NAME => Bind::Text(String::from_sql(ty, raw)?),
            Type::BYTEA => Bind::Blob(raw.to_vec()),
            // What a function that answers nothing answers.
            Type::VOID => Bind::Null,
            _ => {
                let mut detail = String::from("a column of type ");
                let _ = write!(detail, "{ty}, which no statement of ours should have");
                return Err(Box::new(Misfit(detail)));
            }
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Bind::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_rewritten_and_nothing_else() {
        for (sql, rewritten) in [
            ("SELECT 1", "SELECT 1"),
            ("SELECT ?1, ?22", "SELECT $1, $22"),
            ("SELECT '?1', ?1, 'it''s ?2'", "SELECT '?1', $1, 'it''s ?2'"),
            (
                "SELECT \"?1\" FROM t WHERE ü = ?3",
                "SELECT \"?1\" FROM t WHERE ü = $3",
            ),
            ("SELECT a ? 'b', $1::text", "SELECT a ? 'b', $1::text"),
        ] {
            assert_eq!(numbered(sql), rewritten);
        }
    }
}
