//! What is printed reads as the same tree.

use proptest::{prelude::*, sample::select};

use crate::grammar::{
    ast::{
        BinaryOp, Column, ExpandItem, Expr, ExprKind, Function, Literal, MemberPath, Options,
        OrderItem, Quantifier, Search, SelectItem,
    },
    expand, filter, options, orderby, search,
};

/// A name that is no word of the language; some only begin or end as one.
fn name() -> impl Strategy<Value = String> {
    let looks_similar = select(vec![
        "order", "android", "nothing", "trueish", "any1", "desc_", "größe",
    ]);
    prop_oneof![
        "[a-c_][a-zA-Z0-9_]{0,3}_x",
        looks_similar.prop_map(str::to_owned)
    ]
}

fn qualified() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 2..4).prop_map(|names| names.join("."))
}

fn member_path() -> impl Strategy<Value = MemberPath> {
    let segment = prop_oneof![5 => name(), 1 => qualified()];
    let first = prop_oneof![9 => segment.clone().boxed(), 1 => Just("$it".to_owned()).boxed()];
    (first, prop::collection::vec(segment, 0..3)).prop_map(|(first, rest)| path(first, rest))
}

fn path(first: String, rest: Vec<String>) -> MemberPath {
    let names = std::iter::once(first).chain(rest);
    MemberPath {
        column: Column::default(),
        segments: names.map(|name| (Column::default(), name)).collect(),
    }
}

/// Text without U+0000, which is refused on its way in.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c '\"\\\\;,()&=+%/é🎉]{0,6}", any::<String>()].prop_map(|t| t.replace('\0', ""))
}

fn literal() -> impl Strategy<Value = Literal> {
    let dates = [
        "2017-01-01T00:02:58.4418045-08:00",
        "2017-01-01T00:00:00Z",
        "2017-01-01T00:00+05:30",
    ];
    let guid = "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9A-F]{4}-[0-9a-f]{12}";
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Boolean),
        any::<i64>().prop_map(Literal::Integer),
        text().prop_map(Literal::String),
        select(dates.to_vec()).prop_map(|t| Literal::DateTimeOffset(t.to_owned())),
        select(vec!["PT1H", "-P1DT0.5S", "P1W"]).prop_map(|t| Literal::Duration(t.to_owned())),
        text().prop_map(Literal::Binary),
        (qualified(), text()).prop_map(|(ty, members)| Literal::Enum(ty, members)),
        guid.prop_map(Literal::Guid),
    ]
}

fn of(kind: ExprKind) -> Expr {
    Expr {
        column: Column::default(),
        kind,
    }
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        literal().prop_map(|l| of(ExprKind::Literal(l))),
        member_path().prop_map(|p| of(ExprKind::Member(p))),
    ];
    leaf.prop_recursive(6, 40, 3, |inner| {
        let op = select(BinaryOp::ALL.to_vec());
        let function = select(Function::ALL.to_vec());
        let some = prop::collection::vec(inner.clone(), 1..4);
        let binary = (op, inner.clone(), inner.clone());
        let lambda = (member_path(), any::<bool>(), name(), inner.clone());
        prop_oneof![
            4 => binary.prop_map(|((op, _), a, b)| {
                of(ExprKind::Binary(op, Box::new(a), Box::new(b)))
            }),
            2 => inner.clone().prop_map(|a| of(ExprKind::Not(Box::new(a)))),
            1 => (inner, some.clone()).prop_map(|(a, items)| of(ExprKind::In(Box::new(a), items))),
            1 => (function, some).prop_map(|((function, _, least, greatest), arguments)| {
                let arguments = arguments.into_iter().cycle().take(greatest.min(least + 1));
                of(ExprKind::Call(function, arguments.collect()))
            }),
            1 => lambda.prop_map(|(source, all, variable, predicate)| {
                let quantifier = if all { Quantifier::All } else { Quantifier::Any };
                let predicate = Some((variable, Box::new(predicate)));
                of(ExprKind::Lambda { source, quantifier, predicate })
            }),
            1 => member_path().prop_map(|source| {
                let quantifier = Quantifier::Any;
                of(ExprKind::Lambda { source, quantifier, predicate: None })
            }),
        ]
    })
}

fn search_expr() -> impl Strategy<Value = Search> {
    let words = select(vec!["AND", "OR", "NOT", "a b", "x"]).prop_map(str::to_owned);
    let term = prop_oneof![words, text()].prop_filter("a phrase is not empty", |t| !t.is_empty());
    term.prop_map(Search::Term)
        .prop_recursive(6, 30, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(a, b)| Search::And(a.into(), b.into())),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| Search::Or(a.into(), b.into())),
                inner.prop_map(|a| Search::Not(a.into())),
            ]
        })
}

fn order_items() -> impl Strategy<Value = Vec<OrderItem>> {
    let item =
        (expr(), any::<bool>()).prop_map(|(expr, descending)| OrderItem { expr, descending });
    prop::collection::vec(item, 0..3)
}

fn select_items() -> impl Strategy<Value = Vec<SelectItem>> {
    let segments = prop::collection::vec(name(), 0..2);
    let path = (name(), segments).prop_map(|(first, rest)| SelectItem::Path(path(first, rest)));
    prop::collection::vec(prop_oneof![Just(SelectItem::All), path], 0..3)
}

/// Options as an item of `$expand` may have them, `depth` levels of `$expand` within.
fn nested_options(depth: u32) -> BoxedStrategy<Options> {
    let expand = if depth == 0 {
        Just(Vec::new()).boxed()
    } else {
        let item = (name(), nested_options(depth - 1)).prop_map(|(name, options)| ExpandItem {
            path: path(name, Vec::new()),
            options,
        });
        prop::collection::vec(item, 0..3).boxed()
    };
    let trees = (
        prop::option::of(expr()),
        order_items(),
        select_items(),
        expand,
        prop::option::of(search_expr()),
    );
    let numbers = (any::<Option<u32>>(), any::<Option<u32>>(), any::<bool>());
    (trees, numbers)
        .prop_map(
            |((filter, orderby, select, expand, search), (top, skip, count))| Options {
                filter,
                orderby,
                select,
                expand,
                search,
                top,
                skip,
                count,
                skiptoken: None,
                format: None,
            },
        )
        .boxed()
}

fn top_options() -> impl Strategy<Value = Options> {
    let opaque = || prop::option::of(text().prop_filter("a value is given", |t| !t.is_empty()));
    (nested_options(2), opaque(), opaque()).prop_map(|(options, skiptoken, format)| Options {
        skiptoken,
        format,
        ..options
    })
}

proptest! {
    #[test]
    fn an_expression_printed_is_the_same(tree in expr()) {
        prop_assert_eq!(filter::parse(&tree.to_string()), Ok(tree));
    }

    #[test]
    fn a_search_printed_is_the_same(tree in search_expr()) {
        prop_assert_eq!(search::parse(&tree.to_string()), Ok(tree));
    }

    #[test]
    fn options_printed_are_the_same(tree in top_options()) {
        prop_assert_eq!(options::parse(&tree.to_string()), Ok(tree));
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_column_within_it(text in text()) {
        let length = text.chars().count();
        let columns = [
            filter::parse(&text).err(),
            orderby::parse(&text).err(),
            expand::parse(&text).err(),
            search::parse(&text).err(),
        ];
        for error in columns.into_iter().flatten() {
            prop_assert!((1..=length + 1).contains(&error.column), "{:?}", error);
        }
    }
}
