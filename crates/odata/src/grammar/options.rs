//! The system query options of a URL (ABNF `queryOptions`).

use super::{
    ast::Options, cursor::Cursor, expand::expand, filter::common_expr, orderby::orderby, percent,
    search::search_expr, select::select,
};
use crate::{Error, ErrorKind};

/// Reads a raw query string, without its `?` and still percent-encoded.
///
/// Names of system query options are matched in any case and with or without `$`, as OData 4.01
/// has it (URL Conventions, 5.1). Options that are neither are the client's own and mean nothing
/// here, as OData has it too (5.2).
///
/// ```
/// use runstate_odata::grammar::options;
///
/// let read = options::parse("$top=5&filter=runState%20eq%20'fail'&mine=1").unwrap();
/// assert_eq!(read.top, Some(5));
/// assert_eq!(read.to_string(), "$filter=runState%20eq%20'fail'&$top=5");
/// assert_eq!(options::parse("$top=-5").unwrap_err().option, "$top");
/// ```
///
/// # Errors
///
/// The first fault: bad encoding, an option given twice, a system query option that is not served,
/// or a fault in an option's value with its column in the decoded value.
pub fn parse(query_string: &str) -> Result<Options, Error> {
    let mut options = Options::default();
    let mut seen = Seen::default();
    for pair in query_string.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent::decode(name, true, "")?;
        let name = name.trim();
        let Some(option) = SystemOption::named(name.strip_prefix('$').unwrap_or(name)) else {
            refuse_unserved(name)?;
            continue;
        };
        if !seen.insert(option) {
            let message = format!("'{}' is given twice", option.name());
            return Err(Error::new(ErrorKind::Syntax, option.name(), 0, message));
        }
        let value = percent::decode(value, true, option.name())?;
        option.value(&value, |cursor| option.read(cursor, &mut options))?;
    }
    Ok(options)
}

/// The system query options of OData 4.01 that are not served here.
const UNSERVED: [&str; 7] = [
    "apply",
    "compute",
    "deltatoken",
    "id",
    "index",
    "levels",
    "schemaversion",
];

/// Refuses what could change the meaning of the request; whatever else is the client's own.
fn refuse_unserved(name: &str) -> Result<(), Error> {
    let is_unserved = UNSERVED.iter().any(|u| u.eq_ignore_ascii_case(name));
    if is_unserved || name.starts_with(['$', '@']) {
        let message = format!("The query option '{name}' is not supported");
        return Err(Error::new(ErrorKind::Unsupported, name, 0, message));
    }
    Ok(())
}

/// A system query option that is served.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SystemOption {
    Filter,
    OrderBy,
    Select,
    Expand,
    Search,
    Top,
    Skip,
    Count,
    SkipToken,
    Format,
}

impl SystemOption {
    const ALL: [Self; 10] = [
        Self::Filter,
        Self::OrderBy,
        Self::Select,
        Self::Expand,
        Self::Search,
        Self::Top,
        Self::Skip,
        Self::Count,
        Self::SkipToken,
        Self::Format,
    ];

    /// Its name, with `$`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Filter => "$filter",
            Self::OrderBy => "$orderby",
            Self::Select => "$select",
            Self::Expand => "$expand",
            Self::Search => "$search",
            Self::Top => "$top",
            Self::Skip => "$skip",
            Self::Count => "$count",
            Self::SkipToken => "$skiptoken",
            Self::Format => "$format",
        }
    }

    /// The option of that name without `$`, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        let is = |option: &Self| {
            let served = option.name().strip_prefix('$');
            served.is_some_and(|served| served.eq_ignore_ascii_case(name))
        };
        Self::ALL.into_iter().find(is)
    }

    /// Whether `$expand` may have it in parentheses (ABNF `expandOption`).
    pub(super) fn nests(self) -> bool {
        !matches!(self, Self::SkipToken | Self::Format)
    }

    /// What could follow a whole value, for the error where something else does.
    fn continues_with(self) -> &'static str {
        match self {
            Self::Filter => "an operator",
            Self::OrderBy => "'asc', 'desc', ','",
            Self::Select | Self::Expand => "','",
            Self::Search => "'AND', 'OR'",
            _ => "",
        }
    }

    /// Reads the option's whole decoded value.
    pub(super) fn value<T>(
        self,
        text: &str,
        read: impl FnOnce(&mut Cursor<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut cursor = Cursor::new(self.name(), text);
        let value = read(&mut cursor)?;
        cursor.end(self.continues_with())?;
        Ok(value)
    }

    /// Reads the option's value into its place.
    pub(super) fn read(self, cursor: &mut Cursor<'_>, options: &mut Options) -> Result<(), Error> {
        match self {
            Self::Filter => options.filter = Some(common_expr(cursor)?),
            Self::OrderBy => options.orderby = orderby(cursor)?,
            Self::Select => options.select = select(cursor)?,
            Self::Expand => options.expand = expand(cursor)?,
            Self::Search => options.search = Some(search_expr(cursor)?),
            Self::Top => options.top = Some(whole_number(cursor)?),
            Self::Skip => options.skip = Some(whole_number(cursor)?),
            Self::Count => options.count = boolean(cursor)?,
            Self::SkipToken => options.skiptoken = Some(opaque(cursor)?),
            Self::Format => options.format = Some(opaque(cursor)?),
        }
        Ok(())
    }
}

/// ABNF `top`, `skip`: a number without a sign.
fn whole_number(cursor: &mut Cursor<'_>) -> Result<u32, Error> {
    cursor.blanks();
    let column = cursor.column();
    let digits = cursor.take_while(|c| c.is_ascii_digit());
    if digits.is_empty() {
        return Err(cursor.unexpected("a whole number from 0"));
    }
    digits.parse().map_err(|_| {
        let message = format!("The number is greater than {}", u32::MAX);
        cursor.error(ErrorKind::Syntax, column, message)
    })
}

/// ABNF `booleanValue`.
fn boolean(cursor: &mut Cursor<'_>) -> Result<bool, Error> {
    cursor.blanks();
    if cursor.keyword("true") {
        Ok(true)
    } else if cursor.keyword("false") {
        Ok(false)
    } else {
        Err(cursor.unexpected("'true' or 'false'"))
    }
}

/// A value whose inside is for others to read.
fn opaque(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let value = cursor.take_while(|_| true);
    if value.is_empty() {
        return Err(cursor.unexpected("a value"));
    }
    Ok(value.to_owned())
}

/// The options read so far.
#[derive(Default)]
pub(super) struct Seen(Vec<SystemOption>);

impl Seen {
    /// Adds one; says whether it is new.
    pub(super) fn insert(&mut self, option: SystemOption) -> bool {
        let new = !self.0.contains(&option);
        if new {
            self.0.push(option);
        }
        new
    }
}
