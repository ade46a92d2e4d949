//! Random checked queries over a type, made as typed trees.

use runstate_odata::{
    check::{
        CompareOp, Member, Order, Predicate, Quantified, Query, Scalar, Select, Step, Variable,
    },
    edm::{DateTimeOffset, Duration, EnumType, StructuredType, Type, Value},
    grammar::ast::{Function, Quantifier, Search},
};

use super::worlds::{DURATIONS, INSTANTS, NUMBERS, any_member, any_text};
use crate::tape::Tape;

/// What may be compared with what.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Truth,
    Number,
    Instant,
    Length,
    Member(&'static EnumType),
}

/// What a variable stands for.
#[derive(Clone, Copy)]
enum Thing {
    Row(&'static StructuredType),
    Text,
}

struct Maker<'m, 't> {
    tape: &'m mut Tape<'t>,
    variables: Vec<Thing>,
}

/// A query with a filter, an order and perhaps a search.
pub(super) fn query(tape: &mut Tape<'_>, ty: &'static StructuredType) -> Query {
    let mut maker = Maker {
        tape,
        variables: vec![Thing::Row(ty)],
    };
    let filter = (maker.tape.below(5) > 0).then(|| maker.predicate(3));
    let orderby = (0..maker.tape.below(4)).map(|_| maker.order()).collect();
    let searchable = ty.properties.iter().any(|property| property.searchable);
    let search = (searchable && maker.tape.below(3) == 2).then(|| maker.search(2));
    Query {
        ty,
        filter,
        orderby,
        select: Select::All,
        expand: Vec::new(),
        search,
        top: None,
        skip: None,
        count: false,
        skiptoken: None,
    }
}

impl Maker<'_, '_> {
    fn predicate(&mut self, depth: usize) -> Predicate {
        let simple = depth == 0;
        match self.tape.below(if simple { 6 } else { 10 }) {
            1 | 2 => {
                let kind = self.kind();
                let operand = self.scalar(kind, 2);
                let values = (0..1 + self.tape.below(3)).map(|_| self.literal(kind, true));
                Predicate::In(operand, values.collect())
            }
            3 => {
                let Some((member, ty)) = self.enumeration() else {
                    return Predicate::Is(self.scalar(Kind::Truth, 2));
                };
                let bits = any_member(self.tape, ty);
                Predicate::Has(Scalar::Member(member), bits)
            }
            4 => Predicate::Is(self.scalar(Kind::Truth, 2)),
            6 => {
                let (left, right) = (self.predicate(depth - 1), self.predicate(depth - 1));
                Predicate::And(Box::new(left), Box::new(right))
            }
            7 => {
                let (left, right) = (self.predicate(depth - 1), self.predicate(depth - 1));
                Predicate::Or(Box::new(left), Box::new(right))
            }
            8 => Predicate::Not(Box::new(self.predicate(depth - 1))),
            9 => self.quantified(depth - 1),
            _ => {
                use CompareOp::*;
                let op = self.tape.pick(&[Eq, Ne, Gt, Ge, Lt, Le]);
                let kind = self.kind();
                let left = self.scalar(kind, 2);
                // Mostly what people ask: something of the row against a value.
                let right = match self.tape.below(3) {
                    0 => self.scalar(kind, 1),
                    _ => Scalar::Literal(self.literal(kind, true)),
                };
                Predicate::Compare(op, left, right)
            }
        }
    }

    fn quantified(&mut self, depth: usize) -> Predicate {
        let mut sources = Vec::new();
        for (variable, thing) in numbered(&self.variables) {
            if let Thing::Row(ty) = thing {
                collections(variable, ty, &mut sources);
            }
        }
        if sources.is_empty() {
            return self.predicate(0);
        }
        let (source, item) = self.tape.pick(&sources);
        let quantifier = self.tape.pick(&[Quantifier::Any, Quantifier::All]);
        let bare = quantifier == Quantifier::Any && self.tape.below(5) == 4;
        let variable = Variable(u8::try_from(self.variables.len()).unwrap());
        self.variables.push(item);
        let predicate = (!bare).then(|| Box::new(self.predicate(depth)));
        self.variables.pop();
        Predicate::Quantified(Quantified {
            quantifier,
            source,
            variable,
            predicate,
        })
    }

    fn order(&mut self) -> Order {
        let kind = self.kind();
        Order {
            by: self.scalar(kind, 1),
            descending: self.tape.below(2) == 1,
        }
    }

    fn search(&mut self, depth: usize) -> Search {
        match self.tape.below(if depth == 0 { 1 } else { 4 }) {
            1 => Search::And(
                Box::new(self.search(depth - 1)),
                Box::new(self.search(depth - 1)),
            ),
            2 => Search::Or(
                Box::new(self.search(depth - 1)),
                Box::new(self.search(depth - 1)),
            ),
            3 => Search::Not(Box::new(self.search(depth - 1))),
            _ => Search::Term(any_text(self.tape).to_owned()),
        }
    }

    /// The kind of some value in sight.
    fn kind(&mut self) -> Kind {
        let paths = self.paths();
        self.tape.pick(&paths).1
    }

    fn enumeration(&mut self) -> Option<(Member, &'static EnumType)> {
        let paths = self.paths().into_iter();
        let enumerations: Vec<_> = paths
            .filter_map(|(member, kind)| match kind {
                Kind::Member(ty) => Some((member, ty)),
                _ => None,
            })
            .collect();
        (!enumerations.is_empty()).then(|| self.tape.pick(&enumerations))
    }

    fn paths(&self) -> Vec<(Member, Kind)> {
        let mut paths = Vec::new();
        for (root, thing) in numbered(&self.variables) {
            match thing {
                Thing::Row(ty) => values(root, ty, &mut paths),
                Thing::Text => {
                    let steps = Vec::new();
                    paths.push((Member { root, steps }, Kind::Text));
                }
            }
        }
        paths
    }

    fn scalar(&mut self, kind: Kind, depth: usize) -> Scalar {
        let choice = self.tape.below(if depth == 0 { 8 } else { 12 });
        if choice == 7 {
            return Scalar::Literal(self.literal(kind, true));
        }
        if choice > 7
            && let Some(call) = self.call(kind, depth - 1)
        {
            return call;
        }
        let paths = self.paths().into_iter();
        let paths: Vec<Member> = paths
            .filter(|(_, of)| *of == kind)
            .map(|(path, _)| path)
            .collect();
        if paths.is_empty() {
            return Scalar::Literal(self.literal(kind, true));
        }
        Scalar::Member(self.tape.pick(&paths))
    }

    fn call(&mut self, kind: Kind, depth: usize) -> Option<Scalar> {
        use Function::*;
        let functions: &[(Function, &[Kind])] = match kind {
            Kind::Text => &[
                (ToLower, &[Kind::Text]),
                (ToUpper, &[Kind::Text]),
                (Trim, &[Kind::Text]),
                (Concat, &[Kind::Text, Kind::Text]),
                (Substring, &[Kind::Text, Kind::Number]),
                (Substring, &[Kind::Text, Kind::Number, Kind::Number]),
            ],
            Kind::Number => &[
                (Length, &[Kind::Text]),
                (IndexOf, &[Kind::Text, Kind::Text]),
            ],
            Kind::Truth => &[
                (Contains, &[Kind::Text, Kind::Text]),
                (StartsWith, &[Kind::Text, Kind::Text]),
                (EndsWith, &[Kind::Text, Kind::Text]),
            ],
            _ => return None,
        };
        let (function, arguments) = self.tape.pick(functions);
        let arguments = arguments.iter().map(|kind| self.scalar(*kind, depth));
        Some(Scalar::Call(function, arguments.collect()))
    }

    fn literal(&mut self, kind: Kind, nullable: bool) -> Value {
        if nullable && self.tape.below(7) == 6 {
            return Value::Null;
        }
        match kind {
            Kind::Text => Value::String(any_text(self.tape).to_owned()),
            Kind::Truth => Value::Boolean(self.tape.below(2) == 1),
            Kind::Number => Value::Int32(self.tape.pick(NUMBERS)),
            Kind::Instant => {
                let text = self.tape.pick(INSTANTS);
                Value::DateTimeOffset(DateTimeOffset::parse(text).unwrap())
            }
            Kind::Length => Value::Duration(Duration::parse(self.tape.pick(DURATIONS)).unwrap()),
            Kind::Member(ty) => Value::Enum(any_member(self.tape, ty)),
        }
    }
}

fn numbered(variables: &[Thing]) -> impl Iterator<Item = (Variable, Thing)> {
    let numbers = (0..).map(Variable);
    numbers.zip(variables.iter().copied())
}

/// The single values of a row: its own, those inside its complex ones, and those one link away.
fn values(root: Variable, ty: &'static StructuredType, paths: &mut Vec<(Member, Kind)>) {
    let mut add = |steps: Vec<Step>, of: Type| {
        if let Some(kind) = kind_of(of) {
            paths.push((Member { root, steps }, kind));
        }
    };
    for property in ty
        .properties
        .iter()
        .filter(|property| !property.collection && property.stored)
    {
        add(vec![Step::Property(property)], property.ty);
        let Type::Complex(complex) = property.ty else {
            continue;
        };
        for part in complex.properties {
            add(
                vec![Step::Property(property), Step::Property(part)],
                part.ty,
            );
        }
        for derived in complex.derived {
            for part in derived.properties {
                let steps = [
                    Step::Property(property),
                    Step::Cast(derived),
                    Step::Property(part),
                ];
                add(steps.to_vec(), part.ty);
            }
        }
    }
    for navigation in ty
        .navigation
        .iter()
        .filter(|navigation| !navigation.collection)
    {
        let properties = navigation.target.properties.iter();
        for property in properties.filter(|property| !property.collection && property.stored) {
            let steps = vec![Step::Navigation(navigation), Step::Property(property)];
            add(steps, property.ty);
        }
    }
}

/// The collections of a row and of those one link away.
fn collections(root: Variable, ty: &'static StructuredType, sources: &mut Vec<(Member, Thing)>) {
    let mut add = |before: Option<Step>, of: &'static StructuredType| {
        let mut push = |last, item| {
            let steps = before.into_iter().chain([last]).collect();
            sources.push((Member { root, steps }, item));
        };
        for property in of.properties.iter().filter(|property| property.collection) {
            push(Step::Property(property), Thing::Text);
        }
        for navigation in of
            .navigation
            .iter()
            .filter(|navigation| navigation.collection && navigation.stored)
        {
            push(Step::Navigation(navigation), Thing::Row(navigation.target));
        }
    };
    add(None, ty);
    for navigation in ty
        .navigation
        .iter()
        .filter(|navigation| !navigation.collection)
    {
        add(Some(Step::Navigation(navigation)), navigation.target);
    }
}

fn kind_of(ty: Type) -> Option<Kind> {
    Some(match ty {
        Type::String => Kind::Text,
        Type::Boolean => Kind::Truth,
        Type::Int32 | Type::Int64 => Kind::Number,
        Type::DateTimeOffset => Kind::Instant,
        Type::Duration => Kind::Length,
        Type::Enum(ty) => Kind::Member(ty),
        Type::Binary | Type::Guid | Type::Complex(_) => return None,
    })
}
