//! Functions and the types of their arguments.

use super::{filter::Operand, literal, member::Scope, query::Scalar};
use crate::{
    Error, ErrorKind,
    edm::Type,
    grammar::ast::{Expr, Function},
};

/// The type of a function's value, and of its arguments.
fn signature(function: Function) -> (Type, &'static [Type]) {
    match function {
        Function::Contains | Function::StartsWith | Function::EndsWith => {
            (Type::Boolean, &[Type::String, Type::String])
        }
        Function::ToLower | Function::ToUpper | Function::Trim => (Type::String, &[Type::String]),
        Function::Length => (Type::Int32, &[Type::String]),
        Function::IndexOf => (Type::Int32, &[Type::String, Type::String]),
        Function::Substring => (Type::String, &[Type::String, Type::Int32, Type::Int32]),
        Function::Concat => (Type::String, &[Type::String, Type::String]),
    }
}

impl Scope<'_> {
    /// `function(arguments)`; the grammar has counted the arguments.
    pub(super) fn call(
        &self,
        function: Function,
        arguments: &[Expr],
    ) -> Result<(Scalar, Type), Error> {
        let (returns, parameters) = signature(function);
        let mut scalars = Vec::with_capacity(arguments.len());
        for (argument, parameter) in arguments.iter().zip(parameters) {
            scalars.push(self.argument(function, argument, *parameter)?);
        }
        Ok((Scalar::Call(function, scalars), returns))
    }

    fn argument(&self, function: Function, expr: &Expr, wanted: Type) -> Result<Scalar, Error> {
        match (self.operand(expr)?, wanted) {
            (Operand::Literal(literal), _) => self.literal(literal, expr.column, wanted),
            (Operand::Scalar(scalar, Type::String), Type::String)
            | (Operand::Scalar(scalar, Type::Int32 | Type::Int64), Type::Int32) => Ok(scalar),
            (Operand::Scalar(_, ty), _) => {
                let name = |ty| literal::type_name(self.context, ty);
                let message = format!("{function} takes {}, not {}", name(wanted), name(ty));
                Err(self.context.error(ErrorKind::Type, expr.column, message))
            }
        }
    }
}
