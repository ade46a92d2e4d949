//! `$filter`: conditions whose operands have one type.

use super::{
    literal::{self, Typed},
    member::{End, Scope},
    query::{CompareOp, Predicate, Quantified, Scalar, Variable},
};
use crate::{
    Error, ErrorKind,
    edm::{Type, Value},
    grammar::ast::{BinaryOp, Column, Expr, ExprKind, Literal, MemberPath, Quantifier},
};

/// How deep `any` and `all` may nest: each level may multiply the work by the rows of a collection.
pub const MAX_QUANTIFIER_DEPTH: usize = 3;

/// Something with a single value, whose type is known or, of a literal, still open.
pub(super) enum Operand<'e> {
    /// A literal.
    Literal(&'e Literal),
    /// A property or a function.
    Scalar(Scalar, Type),
}

impl Scope<'_> {
    /// A condition.
    ///
    /// A long chain of `and` and `or` leans to the left; that side is walked without recursion.
    pub(super) fn predicate(&mut self, expr: &Expr) -> Result<Predicate, Error> {
        let mut chain = Vec::new();
        let mut leftmost = expr;
        while let ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), left, right) =
            &leftmost.kind
        {
            chain.push((*op, right));
            leftmost = left;
        }
        let mut predicate = self.condition(leftmost)?;
        for (op, right) in chain.into_iter().rev() {
            let (left, right) = (Box::new(predicate), Box::new(self.predicate(right)?));
            predicate = if op == BinaryOp::And {
                Predicate::And(left, right)
            } else {
                Predicate::Or(left, right)
            };
        }
        Ok(predicate)
    }

    /// A condition that is no `and` or `or`.
    fn condition(&mut self, expr: &Expr) -> Result<Predicate, Error> {
        match &expr.kind {
            ExprKind::Not(operand) => Ok(Predicate::Not(Box::new(self.predicate(operand)?))),
            ExprKind::Binary(op, left, right) => self.comparison(*op, left, right),
            ExprKind::In(operand, items) => self.membership(operand, items),
            ExprKind::Lambda {
                source,
                quantifier,
                predicate,
            } => self.quantified(source, *quantifier, predicate.as_ref()),
            ExprKind::Literal(_) | ExprKind::Member(_) | ExprKind::Call(..) => {
                match self.operand(expr)? {
                    Operand::Scalar(scalar, Type::Boolean) => Ok(Predicate::Is(scalar)),
                    Operand::Literal(Literal::Boolean(value)) => {
                        Ok(Predicate::Is(Scalar::Literal(Value::Boolean(*value))))
                    }
                    _ => {
                        let message = "This is a value, not a condition: compare it with something";
                        Err(self.context.error(ErrorKind::Type, expr.column, message))
                    }
                }
            }
        }
    }

    /// `left op right`.
    fn comparison(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Result<Predicate, Error> {
        let op = match op {
            BinaryOp::Eq => CompareOp::Eq,
            BinaryOp::Ne => CompareOp::Ne,
            BinaryOp::Gt => CompareOp::Gt,
            BinaryOp::Ge => CompareOp::Ge,
            BinaryOp::Lt => CompareOp::Lt,
            BinaryOp::Le => CompareOp::Le,
            BinaryOp::Has => return self.has(left, right),
            // `predicate` has taken these apart.
            BinaryOp::And | BinaryOp::Or => {
                let message = "A condition stands where a comparison should";
                return Err(self.context.error(ErrorKind::Type, left.column, message));
            }
        };
        match (self.operand(left)?, self.operand(right)?) {
            (Operand::Scalar(a, a_ty), Operand::Scalar(b, b_ty)) => {
                self.same_type(a_ty, b_ty, right.column)?;
                Ok(Predicate::Compare(op, a, b))
            }
            (Operand::Scalar(scalar, ty), Operand::Literal(literal)) => {
                self.refuse_complex(ty, op, literal, right.column)?;
                let typed = literal::typed(self.context, literal, right.column, ty)?;
                Ok(compare_literal(op, scalar, typed, false))
            }
            (Operand::Literal(literal), Operand::Scalar(scalar, ty)) => {
                self.refuse_complex(ty, op, literal, left.column)?;
                let typed = literal::typed(self.context, literal, left.column, ty)?;
                Ok(compare_literal(op, scalar, typed, true))
            }
            (Operand::Literal(a), Operand::Literal(b)) => {
                let a_ty = literal::own_type(self.context, a, left.column)?;
                let b_ty = literal::own_type(self.context, b, right.column)?;
                let ty = a_ty.or(b_ty).unwrap_or(Type::String);
                let a = self.literal(a, left.column, ty)?;
                let b = self.literal(b, right.column, ty)?;
                Ok(Predicate::Compare(op, a, b))
            }
        }
    }

    /// `operand in (items)`.
    fn membership(&mut self, operand: &Expr, items: &[Expr]) -> Result<Predicate, Error> {
        let (scalar, ty) = match self.operand(operand)? {
            Operand::Scalar(scalar, ty) => (scalar, ty),
            Operand::Literal(literal) => {
                let ty = literal::own_type(self.context, literal, operand.column)?;
                let ty = ty.unwrap_or(Type::String);
                (self.literal(literal, operand.column, ty)?, ty)
            }
        };
        self.refuse_complex_value(ty, operand.column)?;
        let mut values = Vec::new();
        for item in items {
            let ExprKind::Literal(literal) = &item.kind else {
                let message = "The items of 'in' must be literals";
                return Err(self
                    .context
                    .error(ErrorKind::Unsupported, item.column, message));
            };
            // A number that the type cannot hold is equal to none of its values.
            if let Typed::Value(value) = literal::typed(self.context, literal, item.column, ty)? {
                values.push(value);
            }
        }
        if values.is_empty() {
            return Ok(compare_literal(CompareOp::Eq, scalar, Typed::TooLow, false));
        }
        Ok(Predicate::In(scalar, values))
    }

    /// `left has right`.
    fn has(&mut self, left: &Expr, right: &Expr) -> Result<Predicate, Error> {
        let Operand::Scalar(scalar, ty @ Type::Enum(members)) = self.operand(left)? else {
            let message = "'has' needs an enumeration on its left side";
            return Err(self.context.error(ErrorKind::Type, left.column, message));
        };
        let typed = match &right.kind {
            ExprKind::Literal(literal) => literal::typed(self.context, literal, right.column, ty)?,
            _ => Typed::TooLow,
        };
        let Typed::Value(Value::Enum(bits)) = typed else {
            let message = "'has' needs a member of the enumeration on its right side";
            return Err(self.context.error(ErrorKind::Type, right.column, message));
        };
        // A value of an enumeration without flags is one member, not a set of bits.
        Ok(if members.flags {
            Predicate::Has(scalar, bits)
        } else {
            Predicate::Compare(CompareOp::Eq, scalar, Scalar::Literal(Value::Enum(bits)))
        })
    }

    /// `source/any(variable:predicate)`, `source/all(…)`.
    fn quantified(
        &mut self,
        source: &MemberPath,
        quantifier: Quantifier,
        predicate: Option<&(String, Box<Expr>)>,
    ) -> Result<Predicate, Error> {
        let (member, end) = self.resolve(source)?;
        if !end.is_collection() {
            let message = format!("'{source}' is not a collection, so it has no {quantifier}");
            return Err(self.context.error(ErrorKind::Type, source.column, message));
        }
        if let End::Value {
            ty: Type::Complex(_),
            ..
        } = end
        {
            let message =
                format!("'{source}' holds complex values, which any and all do not look into");
            return Err(self
                .context
                .error(ErrorKind::Unsupported, source.column, message));
        }
        let depth = self.variables.len() + 1;
        let number = match u8::try_from(depth) {
            Ok(number) if depth <= MAX_QUANTIFIER_DEPTH => number,
            _ => {
                let message =
                    format!("any and all are nested more than {MAX_QUANTIFIER_DEPTH} deep");
                return Err(self
                    .context
                    .error(ErrorKind::TooComplex, source.column, message));
            }
        };
        let predicate = match predicate {
            None => None,
            Some((variable, expr)) => {
                self.variables.push((variable.clone(), end.item()));
                let checked = self.predicate(expr);
                self.variables.pop();
                Some(Box::new(checked?))
            }
        };
        Ok(Predicate::Quantified(Quantified {
            quantifier,
            source: member,
            variable: Variable(number),
            predicate,
        }))
    }

    /// Something with a single value.
    pub(super) fn operand<'e>(&self, expr: &'e Expr) -> Result<Operand<'e>, Error> {
        let fail = |kind, message: &str| Err(self.context.error(kind, expr.column, message));
        match &expr.kind {
            ExprKind::Literal(literal) => Ok(Operand::Literal(literal)),
            ExprKind::Call(function, arguments) => {
                let (scalar, ty) = self.call(*function, arguments)?;
                Ok(Operand::Scalar(scalar, ty))
            }
            ExprKind::Member(path) => {
                let (member, end) = self.resolve(path)?;
                match end {
                    End::Value {
                        collection: true, ..
                    } => fail(
                        ErrorKind::Type,
                        &format!("'{path}' is a collection: use any or all"),
                    ),
                    End::Value {
                        ty: Type::Binary, ..
                    } => fail(
                        ErrorKind::Type,
                        &format!("'{path}' is binary, which cannot be compared"),
                    ),
                    End::Value { ty, .. } => Ok(Operand::Scalar(Scalar::Member(member), ty)),
                    End::Row(_) | End::Related(_) => fail(
                        ErrorKind::Type,
                        &format!("'{path}' is not a value: name a property of it"),
                    ),
                }
            }
            ExprKind::Not(_) => fail(
                ErrorKind::Type,
                "'not' applies to what stands next to it: put the comparison in parentheses",
            ),
            ExprKind::Binary(..) | ExprKind::In(..) | ExprKind::Lambda { .. } => fail(
                ErrorKind::Unsupported,
                "A condition cannot be used as a value",
            ),
        }
    }

    /// A literal in a place of the type; a whole number stays within it.
    pub(super) fn literal(
        &self,
        literal: &Literal,
        column: Column,
        ty: Type,
    ) -> Result<Scalar, Error> {
        Ok(Scalar::Literal(
            match literal::typed(self.context, literal, column, ty)? {
                Typed::Value(value) => value,
                Typed::TooLow => Value::Int32(i32::MIN),
                Typed::TooHigh => Value::Int32(i32::MAX),
            },
        ))
    }

    /// Both sides are of one type; the two integer types go together.
    fn same_type(&self, a: Type, b: Type, column: Column) -> Result<(), Error> {
        self.refuse_complex_value(a, column)?;
        self.refuse_complex_value(b, column)?;
        let name = |ty| literal::type_name(self.context, ty);
        let is_integer = |ty| matches!(ty, Type::Int32 | Type::Int64);
        if name(a) == name(b) || (is_integer(a) && is_integer(b)) {
            return Ok(());
        }
        let message = format!("{} cannot be compared with {}", name(a), name(b));
        Err(self.context.error(ErrorKind::Type, column, message))
    }

    /// A complex value goes with `eq null` and `ne null` alone.
    fn refuse_complex(
        &self,
        ty: Type,
        op: CompareOp,
        literal: &Literal,
        column: Column,
    ) -> Result<(), Error> {
        let is_equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        if is_equality && *literal == Literal::Null {
            return Ok(());
        }
        self.refuse_complex_value(ty, column)
    }

    fn refuse_complex_value(&self, ty: Type, column: Column) -> Result<(), Error> {
        if let Type::Complex(ty) = ty {
            let message = format!("'{}' is a complex type: compare its properties", ty.name);
            return Err(self.context.error(ErrorKind::Type, column, message));
        }
        Ok(())
    }
}

/// A scalar against a literal; `flipped` where the literal stands on the left.
///
/// A number beyond Int32 becomes a comparison with the end of the range, which has the same answer
/// for every value and stays false, true or unknown where the scalar is null.
fn compare_literal(op: CompareOp, scalar: Scalar, typed: Typed, flipped: bool) -> Predicate {
    let compare = |op, a, b| Predicate::Compare(op, a, b);
    let low = Scalar::Literal(Value::Int32(i32::MIN));
    let high = Scalar::Literal(Value::Int32(i32::MAX));
    let too_high = match typed {
        Typed::Value(value) if flipped => return compare(op, Scalar::Literal(value), scalar),
        Typed::Value(value) => return compare(op, scalar, Scalar::Literal(value)),
        Typed::TooHigh => true,
        Typed::TooLow => false,
    };
    let op = match (op, flipped) {
        (CompareOp::Gt, true) => CompareOp::Lt,
        (CompareOp::Ge, true) => CompareOp::Le,
        (CompareOp::Lt, true) => CompareOp::Gt,
        (CompareOp::Le, true) => CompareOp::Ge,
        (op, _) => op,
    };
    match (op, too_high) {
        // Always so, but of null.
        (CompareOp::Lt | CompareOp::Le, true) => compare(CompareOp::Le, scalar, high),
        (CompareOp::Gt | CompareOp::Ge, false) => compare(CompareOp::Ge, scalar, low),
        // Always so, of null too.
        (CompareOp::Ne, _) => Predicate::Not(Box::new(compare(CompareOp::Lt, scalar, low))),
        // Never so.
        _ => compare(CompareOp::Lt, scalar, low),
    }
}
