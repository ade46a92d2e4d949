//! Navigation property bindings (CSDL 13.4): in which set the entities are that a path leads to.

use crate::edm::{Model, NavigationProperty, StructuredType};

/// The paths from a root along contained entities to entities that live elsewhere, with the set
/// where they do.
pub(super) fn of(model: &Model, root: &NavigationProperty) -> Vec<(String, String)> {
    let mut bindings = Vec::new();
    let mut walk = Walk {
        model,
        bindings: &mut bindings,
        around: Vec::new(),
    };
    walk.follow(root.target, "");
    bindings
}

struct Walk<'a> {
    model: &'a Model,
    bindings: &'a mut Vec<(String, String)>,
    /// The types on the way here; a type within itself would have no end.
    around: Vec<&'static StructuredType>,
}

impl Walk<'_> {
    fn follow(&mut self, ty: &'static StructuredType, path: &str) {
        if self.around.contains(&ty) {
            return;
        }
        self.around.push(ty);
        for navigation in ty.navigation {
            self.step(navigation, path);
        }
        for derived in ty.derived {
            let path = format!("{path}{}/", self.model.qualified(derived.name));
            let own = derived.navigation.iter();
            for navigation in own.filter(|n| ty.navigation(n.name).is_none()) {
                self.step(navigation, &path);
            }
        }
        self.around.pop();
    }

    fn step(&mut self, navigation: &'static NavigationProperty, path: &str) {
        let path = format!("{path}{}", navigation.name);
        if navigation.contained {
            self.follow(navigation.target, &format!("{path}/"));
        } else if let Some(target) = set_of(self.model, navigation.target) {
            self.bindings.push((path, target));
        }
    }
}

/// The entity set of that type; or, where there is none, the collection of a singleton.
fn set_of(model: &Model, ty: &StructuredType) -> Option<String> {
    let roots = || model.container.iter().map(|root| root.navigation);
    let holds = |set: &NavigationProperty| set.collection && ty.is_a(set.target);
    if let Some(set) = roots().find(|root| holds(root)) {
        return Some(set.name.to_owned());
    }
    roots()
        .filter(|root| !root.collection)
        .find_map(|singleton| {
            let mut within = singleton.target.navigation.iter();
            let set = within.find(|n| n.contained && holds(n))?;
            Some(format!("{}/{}", singleton.name, set.name))
        })
}
