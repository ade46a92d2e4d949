//! All that there is to ask for, found by walking the schema.

use runstate_odata::edm::{Function, Model, NavigationProperty};

/// A path that the schema has, with what stands behind it.
pub(crate) struct Route {
    /// The path with `{C}` for a script collection and `{id}` for a key, as in the table.
    pub(crate) template: String,
    /// The same with the collection's own name.
    pub(crate) path: String,
    /// The script collection, where it is below one.
    pub(crate) collection: Option<&'static str>,
}

/// The three collections that the table writes as `{C}`.
pub(crate) const SCRIPT_COLLECTIONS: [&str; 3] = [
    "deviceManagementScripts",
    "deviceShellScripts",
    "deviceCustomAttributeShellScripts",
];

/// Every path of the schema: each navigation property from each root, with and without key, with
/// `$count`, `$ref` and each action behind it.
pub(crate) fn routes(model: &'static Model) -> Vec<Route> {
    let mut routes = Vec::new();
    for root in model.container {
        walk(model, "", root.navigation, &mut routes);
    }
    routes
}

fn walk(
    model: &'static Model,
    before: &str,
    navigation: &'static NavigationProperty,
    routes: &mut Vec<Route>,
) {
    // No type leads back to itself; should one ever do so, a depth must be chosen here.
    assert!(before.matches('/').count() < 16, "a circle at {before}");
    let mut here = format!("{before}/{}", navigation.name);
    add(&here, routes);
    add(&format!("{here}/$ref"), routes);
    if navigation.collection {
        add(&format!("{here}/$count"), routes);
        for action in navigation.target.collection_actions {
            add_action(model, &here, action.name, routes);
        }
        for function in navigation.target.collection_functions {
            add_function(model, &here, function, routes);
        }
        here.push_str("/{id}");
        add(&here, routes);
        add(&format!("{here}/$ref"), routes);
    }
    for action in navigation.target.actions {
        add_action(model, &here, action.name, routes);
    }
    for further in navigation.target.navigation {
        walk(model, &here, further, routes);
    }
}

/// An action has two names, with the namespace and without.
fn add_action(model: &Model, before: &str, action: &str, routes: &mut Vec<Route>) {
    let extension = model.extension.filter(|extension| {
        let mut actions = extension.actions.iter();
        actions.any(|known| known.name == action)
    });
    let namespace = extension.map_or(model.namespace, |extension| extension.namespace);
    add(&format!("{before}/{action}"), routes);
    add(&format!("{before}/{namespace}.{action}"), routes);
}

/// A function likewise; with arguments where it has parameters, which the template leaves out.
fn add_function(model: &Model, before: &str, function: &Function, routes: &mut Vec<Route>) {
    let parameters = function.parameters.iter();
    let arguments: Vec<String> = parameters.map(|name| format!("{name}='Device'")).collect();
    let arguments = arguments.join(",");
    for name in [
        function.name.to_owned(),
        format!("{}.{}", model.namespace, function.name),
    ] {
        add(&format!("{before}/{name}"), routes);
        if let Some(route) = routes.last_mut() {
            route.path = format!("{}({arguments})", route.path);
        }
    }
}

fn add(path: &str, routes: &mut Vec<Route>) {
    let is_in = |name: &&&str| path.split('/').any(|segment| segment == **name);
    let collection = SCRIPT_COLLECTIONS.iter().find(is_in).copied();
    let template = match collection {
        Some(name) => path.replacen(&format!("/{name}"), "/{C}", 1),
        None => path.to_owned(),
    };
    routes.push(Route {
        template: template.trim_start_matches('/').to_owned(),
        path: path.trim_start_matches('/').to_owned(),
        collection,
    });
}
