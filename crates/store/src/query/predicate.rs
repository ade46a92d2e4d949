//! Conditions.
//!
//! SQL's three-valued logic is OData's; only comparisons differ, whose value is never unknown. Where
//! nothing but the truth of a condition counts (no `not` around it), false and unknown are one, and
//! the plain operators serve, which indexes serve too. Below a `not` the exact value is made.

use runstate_odata::{
    check::{CompareOp, Predicate, Quantified, Scalar, Step},
    edm::{Type, Value},
    grammar::ast::{Quantifier, Search},
};

use super::{
    Bind, Dialect,
    compiler::{Compiler, From, Holds, Parent},
    fault, functions,
    member::Place,
};
use crate::Error;

/// What of a condition's value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// Whether it is true; false and unknown are the same.
    Truth,
    /// All three values.
    Exact,
}

impl Compiler<'_> {
    /// SQL of a condition, safe beside `AND`.
    pub(super) fn predicate(
        &mut self,
        predicate: &Predicate,
        sense: Sense,
    ) -> Result<String, Error> {
        match predicate {
            Predicate::And(..) => self.chain(predicate, sense, " AND "),
            Predicate::Or(..) => self.chain(predicate, sense, " OR "),
            Predicate::Not(negated) => {
                let negated = self.predicate(negated, Sense::Exact)?;
                Ok(format!("(NOT {negated})"))
            }
            Predicate::Compare(op, left, right) => self.compare(*op, left, right, sense),
            Predicate::In(scalar, values) => self.membership(scalar, values, sense),
            Predicate::Has(scalar, bits) => {
                let scalar = self.scalar(scalar)?;
                let bits = self.bind(Bind::Integer(i64::from(*bits)));
                Ok(format!("(({scalar} & {bits}) = {bits})"))
            }
            Predicate::Is(Scalar::Call(function, arguments)) => self.call(*function, arguments),
            Predicate::Is(scalar) => {
                let scalar = self.scalar(scalar)?;
                Ok(format!("({scalar} = 1)"))
            }
            Predicate::Quantified(quantified) => self.quantified(quantified),
        }
    }

    /// `a and b and c …` side by side, however the tree leans.
    fn chain(
        &mut self,
        predicate: &Predicate,
        sense: Sense,
        operator: &str,
    ) -> Result<String, Error> {
        let is_and = matches!(predicate, Predicate::And(..));
        let mut waiting = vec![predicate];
        let mut operands = Vec::new();
        while let Some(next) = waiting.pop() {
            match next {
                Predicate::And(left, right) if is_and => waiting.extend([&**right, &**left]),
                Predicate::Or(left, right) if !is_and => waiting.extend([&**right, &**left]),
                other => operands.push(self.predicate(other, sense)?),
            }
        }
        Ok(format!("({})", operands.join(operator)))
    }

    fn compare(
        &mut self,
        op: CompareOp,
        left: &Scalar,
        right: &Scalar,
        sense: Sense,
    ) -> Result<String, Error> {
        let null = Scalar::Literal(Value::Null);
        let is_value = |side: &Scalar| matches!(side, Scalar::Literal(value) if !value.is_null());
        let any_value = is_value(left) || is_value(right);
        let operator = match op {
            CompareOp::Eq | CompareOp::Ne if *left == null || *right == null => {
                let other = if *right == null { left } else { right };
                let other = self.scalar(other)?;
                let is = if op == CompareOp::Eq { "IS" } else { "IS NOT" };
                return Ok(format!("({other} {is} NULL)"));
            }
            CompareOp::Eq if any_value && sense == Sense::Truth => "=",
            CompareOp::Eq => "IS NOT DISTINCT FROM",
            CompareOp::Ne => "IS DISTINCT FROM",
            _ if *left == null || *right == null => return Ok("FALSE".to_owned()),
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
        };
        let (left, right) = (self.scalar(left)?, self.scalar(right)?);
        let comparison = format!("({left} {operator} {right})");
        let may_be_unknown = !matches!(op, CompareOp::Eq | CompareOp::Ne);
        Ok(exact(comparison, may_be_unknown, sense))
    }

    fn membership(
        &mut self,
        scalar: &Scalar,
        values: &[Value],
        sense: Sense,
    ) -> Result<String, Error> {
        let scalar = self.scalar(scalar)?;
        let mut items = Vec::new();
        for value in values.iter().filter(|value| !value.is_null()) {
            items.push(self.literal(value)?);
        }
        let mut either = Vec::new();
        if !items.is_empty() {
            either.push(format!("{scalar} IN ({})", items.join(", ")));
        }
        if items.len() < values.len() {
            either.push(format!("{scalar} IS NULL"));
        }
        if either.is_empty() {
            return Ok("FALSE".to_owned());
        }
        Ok(exact(format!("({})", either.join(" OR ")), true, sense))
    }

    fn quantified(&mut self, quantified: &Quantified) -> Result<String, Error> {
        let (last, steps) = quantified
            .source
            .steps
            .split_last()
            .ok_or_else(|| fault("a quantifier without a collection"))?;
        let Place::Row(parent) = self.walk(quantified.source.root, steps)? else {
            return Err(fault("a collection inside a value"));
        };
        let predicate = quantified.predicate.as_deref();
        let (from, mut conditions) = match last {
            Step::Navigation(navigation) => {
                let child = self.source(navigation.target)?;
                let parent_end = Parent::Alias(&parent.alias);
                let related = self.related(&child, parent.ty, navigation, &parent_end)?;
                self.push(quantified.variable, Holds::Row(From::new(child)));
                let predicate = self.of_item(quantified.quantifier, predicate);
                let from = self.pop()?.text();
                (from, related.into_iter().chain(predicate?).collect())
            }
            Step::Property(property) => {
                let field = parent.table.field(property.name);
                let column = field.and_then(|field| field.columns.first());
                let column = column.ok_or_else(|| fault("a property without a column"))?;
                let column = parent.column(&column.name);
                let items = self.fresh("j");
                let (from, item) = match (self.dialect, property.ty) {
                    (Dialect::Sqlite, _) => (
                        format!("json_each({column}) AS {items}"),
                        format!("{items}.value"),
                    ),
                    (Dialect::Postgres, ty) => {
                        let cast = if matches!(ty, Type::String) {
                            " COLLATE \"C\""
                        } else {
                            "::bigint"
                        };
                        (
                            format!("jsonb_array_elements_text({column}::jsonb) AS {items}(value)"),
                            format!("({items}.value{cast})"),
                        )
                    }
                };
                self.push(quantified.variable, Holds::Item(item));
                let predicate = self.of_item(quantified.quantifier, predicate);
                self.pop_item();
                (from, predicate?.into_iter().collect::<Vec<_>>())
            }
            Step::Cast(_) => return Err(fault("a quantifier without a collection")),
        };
        if conditions.is_empty() {
            conditions.push("TRUE".to_owned());
        }
        let exists = match quantified.quantifier {
            Quantifier::Any => "EXISTS",
            Quantifier::All => "NOT EXISTS",
        };
        let conditions = conditions.join(" AND ");
        Ok(format!(
            "({exists} (SELECT 1 FROM {from} WHERE {conditions}))"
        ))
    }

    /// What is looked for among the items: one that meets the condition for `any`, one that does not
    /// for `all`.
    fn of_item(
        &mut self,
        quantifier: Quantifier,
        predicate: Option<&Predicate>,
    ) -> Result<Option<String>, Error> {
        let Some(predicate) = predicate else {
            return Ok(None);
        };
        let predicate = self.predicate(predicate, Sense::Truth)?;
        Ok(Some(match quantifier {
            Quantifier::Any => predicate,
            Quantifier::All => format!("({predicate} IS NOT TRUE)"),
        }))
    }

    /// `$search` over the searchable properties of the row itself (name and column): each term is
    /// contained in one of them, without regard to case. A term such as `displayName:ada` looks into
    /// that one only, as in Graph (beta, "Use the $search query parameter", directory objects).
    pub(super) fn search(
        &mut self,
        search: &Search,
        columns: &[(&str, String)],
        sense: Sense,
    ) -> Result<String, Error> {
        match search {
            Search::Term(term) => {
                let named = term.split_once(':').and_then(|(name, text)| {
                    let is_it = |column: &&(&str, String)| column.0.eq_ignore_ascii_case(name);
                    Some((columns.iter().find(is_it)?, text))
                });
                let (columns, text) = match named {
                    Some((column, text)) if !text.is_empty() => {
                        (std::slice::from_ref(column), text)
                    }
                    _ => (columns, term.as_str()),
                };
                let term = self.bind(Bind::Text(functions::fold(text)));
                let each = columns
                    .iter()
                    .map(|(_, column)| self.contains(&self.folded(column), &term));
                let each: Vec<String> = each.collect();
                if each.is_empty() {
                    return Ok("FALSE".to_owned());
                }
                Ok(exact(format!("({})", each.join(" OR ")), true, sense))
            }
            Search::And(left, right) => {
                let left = self.search(left, columns, sense)?;
                let right = self.search(right, columns, sense)?;
                Ok(format!("({left} AND {right})"))
            }
            Search::Or(left, right) => {
                let left = self.search(left, columns, sense)?;
                let right = self.search(right, columns, sense)?;
                Ok(format!("({left} OR {right})"))
            }
            Search::Not(negated) => {
                let negated = self.search(negated, columns, Sense::Exact)?;
                Ok(format!("(NOT {negated})"))
            }
        }
    }
}

/// A condition whose unknown is false.
fn exact(condition: String, may_be_unknown: bool, sense: Sense) -> String {
    if may_be_unknown && sense == Sense::Exact {
        format!("({condition} IS TRUE)")
    } else {
        condition
    }
}
