//! Which script of a folder is which of a server.
//!
//! An id says it, where the server has that id; else the name does, within the kind. Names need not be
//! unique: of several scripts of a name those are one that agree in everything, and the rest must be
//! told apart by ids.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    kind::Kind,
    remote::{Listed, Remote},
    script::{Wanted, said},
};

/// For each wanted script the position of its candidates in the list.
#[derive(Debug)]
pub(super) struct Candidates {
    /// For each wanted script: the one that its id names, or those of its name.
    of: Vec<Vec<usize>>,
}

impl Candidates {
    /// # Errors
    /// Sentences, where two files mean the same script.
    pub(super) fn find(wanted: &[Wanted], listed: &[Listed]) -> Result<Self, Vec<String>> {
        check_unique(wanted)?;
        let by_id = |script: &Wanted| {
            let id = script.id.as_ref()?;
            listed
                .iter()
                .position(|listed| listed.kind == script.kind && listed.id == *id)
        };
        let by_id: Vec<Option<usize>> = wanted.iter().map(by_id).collect();
        let taken: BTreeSet<usize> = by_id.iter().flatten().copied().collect();
        let mut by_name: BTreeMap<(Kind, &str), Vec<usize>> = BTreeMap::new();
        for (at, listed) in listed.iter().enumerate() {
            if !taken.contains(&at) {
                let key = (listed.kind, listed.name.as_str());
                by_name.entry(key).or_default().push(at);
            }
        }
        let of = wanted.iter().zip(by_id).map(|(script, by_id)| match by_id {
            Some(at) => vec![at],
            None => by_name
                .get(&(script.kind, script.name()))
                .cloned()
                .unwrap_or_default(),
        });
        Ok(Self { of: of.collect() })
    }

    /// All that have to be read to tell which is which.
    pub(super) fn all(&self) -> BTreeSet<usize> {
        self.of.iter().flatten().copied().collect()
    }

    /// For each wanted script its partner's id; none for a new one. `same` says whether two agree in
    /// everything.
    ///
    /// # Errors
    /// Sentences, where several scripts of a name cannot be told apart.
    pub(super) fn decide(
        &self,
        wanted: &[Wanted],
        listed: &[Listed],
        remotes: &BTreeMap<(Kind, String), Remote>,
        same: &dyn Fn(usize, &Remote) -> bool,
    ) -> Result<Vec<Option<String>>, Vec<String>> {
        let remote = |at: usize| {
            let listed = listed.get(at)?;
            remotes.get(&(listed.kind, listed.id.clone()))
        };
        let mut partners: Vec<Option<String>> = vec![None; wanted.len()];
        let mut taken = BTreeSet::new();
        // Those of a name of which there is one on either side are clear already; of the others those
        // that agree come first, so that what has been applied once stays as it is.
        for (i, candidates) in self.of.iter().enumerate() {
            let agrees = |at: &usize| {
                !taken.contains(at) && remote(*at).is_some_and(|remote| same(i, remote))
            };
            if let Some(at) = candidates.iter().copied().find(agrees) {
                taken.insert(at);
                set(&mut partners, i, remote(at));
            }
        }
        let mut problems = Vec::new();
        for (i, (script, candidates)) in wanted.iter().zip(&self.of).enumerate() {
            if partners.get(i).is_some_and(Option::is_some) {
                continue;
            }
            let left: Vec<usize> = candidates
                .iter()
                .copied()
                .filter(|at| !taken.contains(at) && remote(*at).is_some())
                .collect();
            let alike = wanted.iter().zip(&partners).filter(|(other, partner)| {
                let same_name = other.kind == script.kind && other.name() == script.name();
                same_name && partner.is_none()
            });
            match (left.as_slice(), alike.count()) {
                ([], _) => {}
                ([at], 1) => {
                    taken.insert(*at);
                    set(&mut partners, i, remote(*at));
                }
                (several, _) => {
                    let ids = several.iter().filter_map(|at| listed.get(*at));
                    let ids: Vec<_> = ids.map(|listed| listed.id.as_str()).collect();
                    problems.push(format!(
                        "{}: which {} of the server is meant? Say its 'id': {}",
                        script.at,
                        script.said(),
                        ids.join(", ")
                    ));
                }
            }
        }
        match problems.is_empty() {
            true => Ok(partners),
            false => Err(problems),
        }
    }
}

fn set(partners: &mut [Option<String>], i: usize, remote: Option<&Remote>) {
    if let (Some(slot), Some(remote)) = (partners.get_mut(i), remote) {
        *slot = Some(remote.id.clone());
    }
}

/// Refuses two files that say the same name, or the same id, and nothing to tell them apart.
fn check_unique(wanted: &[Wanted]) -> Result<(), Vec<String>> {
    let mut seen: BTreeMap<(Kind, Option<&str>, &str), &str> = BTreeMap::new();
    let mut problems = Vec::new();
    for script in wanted {
        let name = match &script.id {
            Some(_) => "",
            None => script.name(),
        };
        let key = (script.kind, script.id.as_deref(), name);
        if let Some(first) = seen.insert(key, &script.at) {
            let what = match &script.id {
                Some(id) => format!("the script with the id {id}"),
                None => said(script.kind, script.name()),
            };
            problems.push(format!(
                "{}: is {what}, as is {first}; give each an 'id' of its own, or another name",
                script.at
            ));
        }
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems),
    }
}
