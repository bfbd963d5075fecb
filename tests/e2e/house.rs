//! The house as `docs/architecture.md` draws it: the table of rooms there is the input of this test, so page and code
//! cannot drift apart. Every path from one file to another is read, wherever it stands (`use`, types, calls, macros);
//! code that is compiled for tests only is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{Attribute, Item};

/// The names of modules from the crate's root: `["run", "worker", "life"]`.
type Module = Vec<String>;

/// All files of the library, and which of them each names.
struct House {
    /// Files by module.
    files: BTreeMap<Module, PathBuf>,
    /// From module to module, each a file of the house.
    arrows: BTreeSet<(Module, Module)>,
}

impl House {
    fn of(src: &Path) -> House {
        let mut files = BTreeMap::new();
        for entry in walkdir::WalkDir::new(src).sort_by_file_name() {
            let path = entry.unwrap().into_path();
            let inside = path.strip_prefix(src).unwrap();
            let is_root = ["lib.rs", "main.rs"].iter().any(|root| inside == Path::new(root));
            if path.extension().is_none_or(|extension| extension != "rs") || is_root {
                continue;
            }
            let mut module: Module =
                inside.with_extension("").iter().map(|name| name.to_str().unwrap().to_owned()).collect();
            if module.last().is_some_and(|name| name == "mod") {
                module.pop();
            }
            files.insert(module, path);
        }
        let mut house = House { files, arrows: BTreeSet::new() };
        let mut product = BTreeSet::from([Module::new()]);
        for (module, path) in house.files.clone() {
            let text = fs::read_to_string(&path).unwrap();
            let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if product.contains(&module[..module.len() - 1]) && !is_for_tests(&file.attrs) {
                // The parent said under which condition it is compiled.
                let parent = house.files.get(&module[..module.len() - 1]);
                let declared = parent.is_none_or(|parent| declares(parent, module.last().unwrap()));
                if declared {
                    product.insert(module.clone());
                    house.read(&module, &module, file.items);
                }
            }
        }
        house.files.retain(|module, _| product.contains(module));
        house.arrows.retain(|(_, to)| product.contains(to));
        house
    }

    /// Takes note of every path in `items` of the module `here`, which stands in the file of `file`.
    fn read(&mut self, file: &Module, here: &Module, items: Vec<Item>) {
        for item in items {
            if is_for_tests(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(inner) => {
                    let below = [here.as_slice(), &[inner.ident.to_string()]].concat();
                    if let Some((_, items)) = inner.content {
                        self.read(file, &below, items);
                    }
                }
                Item::Impl(mut whole) => {
                    whole.items.retain(|item| !is_for_tests(attributes_of_member(item)));
                    self.paths(file, here, whole.to_token_stream());
                }
                other => self.paths(file, here, other.to_token_stream()),
            }
        }
    }

    fn paths(&mut self, file: &Module, here: &Module, tokens: TokenStream) {
        let mut named = Vec::new();
        words(tokens, &[], &mut named);
        for path in named {
            let Some(target) = self.resolve(here, &path) else { continue };
            if target != *file {
                self.arrows.insert((file.clone(), target));
            }
        }
    }

    /// The file that `path`, written in the module `here`, leads to.
    fn resolve(&self, here: &Module, path: &[String]) -> Option<Module> {
        let (mut at, mut rest) = match path.first()?.as_str() {
            "crate" => (Module::new(), &path[1..]),
            "self" => (here.clone(), &path[1..]),
            "super" => (here.clone(), path),
            first => {
                let below = [here.as_slice(), &[first.to_owned()]].concat();
                self.files.contains_key(&below).then(|| (here.clone(), path))?
            }
        };
        while rest.first().is_some_and(|word| word == "super") {
            at.pop()?;
            rest = &rest[1..];
        }
        for word in rest {
            let below = [at.as_slice(), std::slice::from_ref(word)].concat();
            if !self.files.contains_key(&below) {
                break;
            }
            at = below;
        }
        // A module inside a file is that file.
        while !at.is_empty() && !self.files.contains_key(&at) {
            at.pop();
        }
        (!at.is_empty()).then_some(at)
    }

    /// The folder that a module's file stands in.
    fn folder(&self, module: &Module) -> Module {
        let is_folder = self.files[module].ends_with("mod.rs");
        if is_folder { module.clone() } else { module[..module.len() - 1].to_vec() }
    }

    /// Arrows between rooms.
    fn rooms(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for module in self.files.keys() {
            rooms.entry(module[0].clone()).or_default();
        }
        for (from, to) in self.arrows.iter().filter(|(from, to)| from[0] != to[0]) {
            rooms.entry(from[0].clone()).or_default().insert(to[0].clone());
        }
        rooms
    }

    /// Arrows between folders; a file that stands beside rooms is a room.
    fn folders(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let place = |module: &Module| match self.folder(module) {
            root if root.is_empty() => module.clone(),
            folder => folder,
        };
        let mut folders: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (from, to) in &self.arrows {
            let (from, to) = (place(from), place(to));
            if from != to {
                folders.entry(from).or_default().insert(to);
            }
        }
        folders
    }

    /// Arrows between the files of one folder.
    fn files_of_folders(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let mut inside: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (from, to) in &self.arrows {
            if self.folder(from) == self.folder(to) {
                inside.entry(from.clone()).or_default().insert(to.clone());
            }
        }
        inside
    }
}

/// Whether `parent` declares a module `name` that is compiled for more than tests.
fn declares(parent: &Path, name: &str) -> bool {
    let file = syn::parse_file(&fs::read_to_string(parent).unwrap()).unwrap();
    file.items.iter().any(|item| match item {
        Item::Mod(inner) => inner.ident == name && !is_for_tests(&inner.attrs),
        _ => false,
    })
}

/// `#[cfg(test)]`, and what stands behind a feature.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && {
            let condition = attribute.meta.to_token_stream().to_string();
            condition.contains("test") || condition.contains("feature")
        }
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn attributes_of_member(item: &syn::ImplItem) -> &[Attribute] {
    match item {
        syn::ImplItem::Const(item) => &item.attrs,
        syn::ImplItem::Fn(item) => &item.attrs,
        syn::ImplItem::Type(item) => &item.attrs,
        _ => &[],
    }
}

/// Every path in `tokens`, groups of `use` taken apart; `before` stands in front of those at the start.
fn words(tokens: TokenStream, before: &[String], found: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is =
        |at: usize, mark: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == mark);
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            // `pub(in crate::room)` says who may look in, not who is named.
            TokenTree::Ident(word)
                if word == "pub" && matches!(tokens.get(at + 1), Some(TokenTree::Group(_))) =>
            {
                at += 2
            }
            TokenTree::Ident(word) => {
                // A path goes on only behind `::`; what is no beginning is a field, a method or a word.
                let mut path = before.to_vec();
                path.push(word.to_string());
                at += 1;
                let mut is_whole = true;
                while is(at, ':') && is(at + 1, ':') {
                    match tokens.get(at + 2) {
                        Some(TokenTree::Ident(word)) => {
                            path.push(word.to_string());
                            at += 3;
                        }
                        Some(TokenTree::Group(group)) => {
                            // The paths are those in the group; `self` among them is this one.
                            words(group.stream(), &path, found);
                            is_whole = false;
                            at += 3;
                            break;
                        }
                        _ => break,
                    }
                }
                if is_whole && path.len() > 1 {
                    found.push(path);
                }
            }
            TokenTree::Group(group) => {
                words(group.stream(), &[], found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Sets of more than one node that all lead to each other.
fn circles<N: Ord + Clone>(arrows: &BTreeMap<N, BTreeSet<N>>) -> Vec<BTreeSet<N>> {
    let reach = |start: &N| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&N> = arrows.get(start).into_iter().flatten().collect();
        while let Some(node) = next.pop() {
            if seen.insert(node.clone()) {
                next.extend(arrows.get(node).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<N, BTreeSet<N>> = arrows.keys().map(|node| (node.clone(), reach(node))).collect();
    let mut found: Vec<BTreeSet<N>> = Vec::new();
    for (node, ways) in &reached {
        let circle: BTreeSet<N> = ways
            .iter()
            .filter(|other| *other != node && reached.get(*other).is_some_and(|back| back.contains(node)))
            .cloned()
            .chain([node.clone()])
            .collect();
        if circle.len() > 1 && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

/// A row of the table of rooms: its name and what it may import.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let rows = page.split("<!-- rooms -->").nth(1).expect("docs/architecture.md has a table of rooms");
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(|name| name.trim_end_matches('/').trim_end_matches(".rs").to_owned())
            .collect()
    };
    let mut table = Vec::new();
    for line in
        rows.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|l| l.starts_with('|'))
    {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        for room in names(cells[0]) {
            table.push((room, names(cells[2])));
        }
    }
    table
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn lines<N: std::fmt::Debug>(found: &[N]) -> String {
    found.iter().fold(String::new(), |mut text, one| {
        let _ = writeln!(text, "  {one:?}");
        text
    })
}

#[test]
fn rooms_import_what_the_table_allows() {
    let house = House::of(&root().join("src"));
    let table = table();
    let drawn: BTreeSet<&String> = table.iter().map(|(room, _)| room).collect();
    let mut wrong = Vec::new();
    let rooms = house.rooms();
    for (room, arrows) in &rooms {
        let Some((_, allowed)) = table.iter().find(|(name, _)| name == room) else {
            wrong.push(format!("{room} is not in the table"));
            continue;
        };
        for other in arrows.difference(allowed) {
            let (from, to) =
                house.arrows.iter().find(|(from, to)| from[0] == *room && to[0] == *other).unwrap();
            wrong.push(format!("{room} imports {other}: {} names {}", from.join("/"), to.join("::")));
        }
        // What is allowed and not used would let an arrow come back unseen.
        wrong.extend(allowed.difference(arrows).map(|other| format!("{room} does not import {other}")));
    }
    wrong.extend(
        drawn.iter().filter(|room| !rooms.contains_key(**room)).map(|room| format!("no room {room}")),
    );
    assert!(wrong.is_empty(), "{}", lines(&wrong));
}

#[test]
fn no_arrow_of_the_table_runs_back_up() {
    let mut seen = BTreeSet::new();
    // The table stands from the top of the house to its ground: a room imports only what comes below it.
    for (room, imports) in table().iter().rev() {
        for other in imports {
            assert!(seen.contains(other), "{room} imports {other}, which does not stand below it");
        }
        seen.insert(room.clone());
    }
}

#[test]
fn folders_make_no_circle() {
    let found = circles(&House::of(&root().join("src")).folders());
    assert!(found.is_empty(), "\n{}", lines(&found));
}

#[test]
fn no_more_than_three_files_of_a_folder_make_a_circle() {
    let mut found = circles(&House::of(&root().join("src")).files_of_folders());
    found.retain(|circle| circle.len() > 3);
    assert!(found.is_empty(), "\n{}", lines(&found));
}

/// The figures of the page's last table; `HOUSE=DIR` shows those of another checkout.
#[test]
fn the_picture() {
    let src = std::env::var_os("HOUSE").map_or_else(|| root().join("src"), |dir| Path::new(&dir).join("src"));
    let house = House::of(&src);
    let rooms = house.rooms();
    let circle: Vec<_> = circles(&rooms);
    let sizes = house.files.values().map(|path| (fs::read_to_string(path).unwrap().lines().count(), path));
    let (largest, path) = sizes.max().unwrap();
    println!(
        "rooms: {}, arrows between them: {}",
        rooms.len(),
        rooms.values().map(BTreeSet::len).sum::<usize>()
    );
    println!("circles of rooms: {circle:?}");
    println!("circles of folders:\n{}", lines(&circles(&house.folders())));
    println!("circles of files:\n{}", lines(&circles(&house.files_of_folders())));
    println!("files: {}, largest: {largest} lines, {}", house.files.len(), path.display());
    for (room, arrows) in &rooms {
        println!("{room}: {}", arrows.iter().cloned().collect::<Vec<_>>().join(" "));
    }
    assert!(house.files.len() > 100 && house.arrows.len() > 100, "the house has been read");
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a; mod b; mod c;");
    write("a/mod.rs", "pub mod x; pub mod y; #[cfg(test)] mod t;");
    write("a/x.rs", "use crate::{b::{self, Q}, c}; fn f() { super::y::g(); }");
    write(
        "a/y.rs",
        "pub fn g() { println!(\"{}\", crate::c::h()); } #[cfg(test)] mod tests { use crate::b; }",
    );
    write("a/t.rs", "use crate::b;");
    write("b.rs", "/* crate::a */ pub struct Q; impl Q { #[cfg(test)] fn t() { crate::a::x::f() } }");
    write(
        "c.rs",
        "pub fn h() -> &'static str { \"crate::a\" } mod inner { fn i() { super::super::b::j() } }",
    );
    let house = House::of(dir.path());
    let arrows: Vec<String> =
        house.arrows.iter().map(|(from, to)| format!("{}>{}", from.join("."), to.join("."))).collect();
    assert_eq!(arrows, ["a.x>a.y", "a.x>b", "a.x>c", "a.y>c", "c>b"]);
    assert!(!house.files.contains_key(&vec!["a".to_owned(), "t".to_owned()]));
}

#[test]
fn circles_are_found() {
    let arrows =
        BTreeMap::from([(1, BTreeSet::from([2])), (2, BTreeSet::from([3])), (3, BTreeSet::from([2]))]);
    assert_eq!(circles(&arrows), [BTreeSet::from([2, 3])]);
}
