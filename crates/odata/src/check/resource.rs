//! Paths walked from the service root.

use super::{
    member::MAX_NAVIGATION,
    names,
    path::{PathStep, ResourcePath, Tail},
};
use crate::{
    Error, ErrorKind,
    edm::{Action, Model, StructuredType},
    grammar::path::{Segment, arguments},
};

/// Says what a path leads to. No segments at all lead to the service root.
///
/// Names are matched without regard to case. A key stands in parentheses or is the next segment;
/// `$count`, `$ref` and the name of an action in that place are what they say.
///
/// # Errors
///
/// [`ErrorKind::UnknownName`] with Microsoft Graph's own sentence for a segment that leads nowhere;
/// [`ErrorKind::Unsupported`] for what exists but has no address here; [`ErrorKind::TooComplex`] for
/// more than [`MAX_NAVIGATION`] navigation properties.
pub fn path(model: &'static Model, segments: &[Segment]) -> Result<ResourcePath, Error> {
    let mut walk = Walk {
        model,
        path: ResourcePath {
            steps: Vec::new(),
            tail: Tail::Resource,
        },
    };
    for segment in segments {
        walk.segment(segment)?;
    }
    Ok(walk.path)
}

struct Walk {
    model: &'static Model,
    path: ResourcePath,
}

impl Walk {
    /// Goes on by one segment.
    fn segment(&mut self, segment: &Segment) -> Result<(), Error> {
        if self.path.tail != Tail::Resource {
            return Err(not_found(segment));
        }
        let Some(ty) = self.path.ty() else {
            return self.root(segment);
        };
        if let Some(tail) = self.tail(ty, segment)? {
            self.path.tail = tail;
            return Ok(());
        }
        if self.is_same_type(ty, segment)? {
            return Ok(());
        }
        if self.path.is_collection() {
            return self.key(segment);
        }
        match names::navigation(ty, &segment.name) {
            Some(navigation) => self.step(navigation, segment),
            None if names::property(ty, &segment.name).is_some() && segment.key.is_none() => {
                let name = &segment.name;
                let message =
                    format!("The property '{name}' has no address of its own: use $select");
                Err(Error::new(ErrorKind::Unsupported, "", 0, message))
            }
            None => Err(not_found(segment)),
        }
    }

    /// The first segment: an entity set or a singleton.
    fn root(&mut self, segment: &Segment) -> Result<(), Error> {
        let roots = self.model.container.iter().map(|root| root.navigation);
        match names::find(roots, &segment.name, |n| n.name) {
            Some(navigation) => self.step(navigation, segment),
            None => Err(not_found(segment)),
        }
    }

    /// A navigation property, with its key where one stands in parentheses.
    fn step(
        &mut self,
        navigation: &'static crate::edm::NavigationProperty,
        segment: &Segment,
    ) -> Result<(), Error> {
        if segment.key.is_some() && !navigation.collection {
            return Err(not_found(segment));
        }
        if self.path.steps.len() == MAX_NAVIGATION {
            let message = format!("The path has more than {MAX_NAVIGATION} navigation properties");
            return Err(Error::new(ErrorKind::TooComplex, "", 0, message));
        }
        self.path.steps.push(PathStep {
            navigation,
            key: segment.key.clone(),
        });
        Ok(())
    }

    /// `$count`, `$ref` or an action.
    fn tail(&self, ty: &'static StructuredType, segment: &Segment) -> Result<Option<Tail>, Error> {
        let is = |name: &str| segment.text.eq_ignore_ascii_case(name);
        if is("$count") {
            return if self.path.is_collection() {
                Ok(Some(Tail::Count))
            } else {
                Err(not_found(segment))
            };
        }
        if is("$ref") {
            return Ok(Some(Tail::Reference));
        }
        if is("$value") {
            let message = "'$value' is not supported";
            return Err(Error::new(ErrorKind::Unsupported, "", 0, message));
        }
        let actions = if self.path.is_collection() {
            ty.collection_actions
        } else {
            ty.actions
        };
        if self.path.is_collection()
            && let Some(tail) = self.function(ty, segment)?
        {
            return Ok(Some(tail));
        }
        if actions.is_empty() {
            return Ok(None);
        }
        let name = self
            .model
            .unqualified(&segment.name)
            .unwrap_or(&segment.name);
        let found: Option<&'static Action> = names::find(actions.iter().copied(), name, |a| a.name);
        Ok(found.filter(|_| segment.key.is_none()).map(Tail::Action))
    }

    /// A function with its arguments, `name(parameter='text')`; the parentheses may be left out where
    /// it has no parameters.
    fn function(
        &self,
        ty: &'static StructuredType,
        segment: &Segment,
    ) -> Result<Option<Tail>, Error> {
        let (name, inside) = match segment.text.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')')),
            None => (segment.text.as_str(), Some("")),
        };
        let name = self.model.unqualified(name).unwrap_or(name);
        let functions = ty.collection_functions.iter().copied();
        let Some(function) = names::find(functions, name, |function| function.name) else {
            return Ok(None);
        };
        let given = inside.and_then(arguments);
        let value = |parameter: &&'static str| {
            let given = given.as_ref()?;
            let found = given
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(parameter));
            found.map(|(_, text)| text.clone())
        };
        let values: Option<Vec<String>> = function.parameters.iter().map(value).collect();
        let fits = given
            .as_ref()
            .is_some_and(|given| given.len() == function.parameters.len());
        match values.filter(|_| fits) {
            Some(values) => Ok(Some(Tail::Function(function, values))),
            None => {
                let parameters: Vec<String> = function
                    .parameters
                    .iter()
                    .map(|name| format!("{name}='…'"))
                    .collect();
                let (name, parameters) = (function.name, parameters.join(","));
                let message = format!("The function is called as '{name}({parameters})'");
                Err(Error::new(ErrorKind::Syntax, "", 0, message))
            }
        }
    }

    /// Whether the segment is a cast to the type that is there anyway; to another, it is an error.
    fn is_same_type(&self, ty: &'static StructuredType, segment: &Segment) -> Result<bool, Error> {
        match names::cast(self.model, ty, &segment.text) {
            Some(target) if target == ty => Ok(true),
            Some(target) => {
                let message = format!("A cast to '{}' within a path is not supported", target.name);
                Err(Error::new(ErrorKind::Unsupported, "", 0, message))
            }
            None => Ok(false),
        }
    }

    /// A key as a segment.
    fn key(&mut self, segment: &Segment) -> Result<(), Error> {
        if segment.text.starts_with('$') {
            return Err(not_found(segment));
        }
        if let Some(last) = self.path.steps.last_mut() {
            last.key = Some(segment.text.clone());
        }
        Ok(())
    }
}

/// What Microsoft Graph says of a segment that leads nowhere.
fn not_found(segment: &Segment) -> Error {
    let name = if segment.key.is_some() {
        &segment.name
    } else {
        &segment.text
    };
    let message = format!("Resource not found for the segment '{name}'.");
    Error::new(ErrorKind::UnknownName, "", 0, message)
}
