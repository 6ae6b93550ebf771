//! A crate's sources as modules with names, and which file depends on which: every name is followed to the file that
//! defines it.

use std::collections::{BTreeSet, HashMap, HashSet};

use syn::ext::IdentExt;
use syn::visit::{self, Visit};

/// What a name stands for in a module.
#[derive(Debug, Clone)]
enum Named {
    Module(usize),
    /// Defined in this module's file.
    Here,
    Import(Vec<String>),
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Module(usize),
    Item(usize),
}

/// A path that a module's code writes down.
#[derive(Debug)]
struct Mention {
    path: Vec<String>,
    line: usize,
    /// `use path::*`.
    glob: bool,
    /// A `pub use` in a `mod.rs`.
    facade: bool,
}

#[derive(Debug, Default)]
struct Module {
    path: Vec<String>,
    file: usize,
    parent: Option<usize>,
    names: HashMap<String, Vec<Named>>,
    globs: Vec<Vec<String>>,
    mentions: Vec<Mention>,
}

/// One mention of something in another file, or in another room.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: usize,
    pub(crate) line: usize,
    /// The file that defines it.
    pub(crate) to: usize,
    /// The room it was asked of, which may only pass it on.
    pub(crate) room: String,
    /// It is only passed on, by the facade of a room.
    pub(crate) facade: bool,
}

/// A crate's sources: file names, relative to `src`, and their text.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) files: Vec<(String, String)>,
    modules: Vec<Module>,
}

impl Tree {
    /// Parses all files but `main.rs`, and those that only tests have.
    pub(crate) fn parse(mut files: Vec<(String, String)>) -> Self {
        files.sort();
        let mut tree = Self { files, modules: Vec::new() };
        let mut parsed = Vec::new();
        let mut of_tests = Vec::new();
        for (at, (name, text)) in tree.files.iter().enumerate().filter(|(_, (name, _))| name != "main.rs") {
            let syntax = syn::parse_file(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            let path = module_path(name);
            of_tests.extend(syntax.items.iter().filter_map(|item| match item {
                syn::Item::Mod(item) if left_out(&item.attrs) => Some([&path[..], &[item.ident.to_string()]].concat()),
                _ => None,
            }));
            parsed.push((path, at, syntax.items));
        }
        parsed.retain(|(path, ..)| !of_tests.iter().any(|test| path.starts_with(test)));
        parsed.sort_by(|a, b| a.0.len().cmp(&b.0.len()).then_with(|| a.0.cmp(&b.0)));
        let mut items = Vec::new();
        for (path, file, content) in parsed {
            let parent = path.split_last().and_then(|(_, above)| tree.modules.iter().position(|m| m.path == above));
            let id = tree.add(path, file, parent);
            items.push((id, content));
        }
        for (id, content) in items {
            tree.read(id, &content);
        }
        tree
    }

    fn add(&mut self, path: Vec<String>, file: usize, parent: Option<usize>) -> usize {
        let id = self.modules.len();
        if let (Some(parent), Some(name)) = (parent, path.last()) {
            self.modules[parent].names.entry(name.clone()).or_default().push(Named::Module(id));
        }
        self.modules.push(Module { path, file, parent, ..Module::default() });
        id
    }

    fn read(&mut self, id: usize, items: &[syn::Item]) {
        let is_facade = self.files[self.modules[id].file].0.ends_with("mod.rs");
        let mut reader = Reader { is_facade, ..Reader::default() };
        for item in items {
            reader.visit_item(item);
        }
        let module = &mut self.modules[id];
        for name in items.iter().filter_map(defined) {
            module.names.entry(name).or_default().push(Named::Here);
        }
        for (name, path) in reader.imports {
            module.names.entry(name).or_default().push(Named::Import(path));
        }
        module.globs = reader.mentions.iter().filter(|m| m.glob).map(|m| m.path.clone()).collect();
        module.mentions = reader.mentions;
        for (name, content) in reader.inside {
            let path = [&self.modules[id].path[..], &[name]].concat();
            let inner = self.add(path, self.modules[id].file, Some(id));
            self.read(inner, &content);
        }
    }

    /// Every mention of another file's, or another room's, things.
    pub(crate) fn arrows(&self) -> Vec<Arrow> {
        let mut arrows = BTreeSet::new();
        for (id, module) in self.modules.iter().enumerate() {
            for Mention { path, line, glob, facade } in &module.mentions {
                let to = match self.resolve(id, path, &mut HashSet::new()) {
                    Some(Found::Item(file)) => file,
                    Some(Found::Module(of)) if *glob => self.modules[of].file,
                    _ => continue,
                };
                let named = path.get(1).filter(|_| path[0] == "crate").cloned();
                let room = named.unwrap_or_else(|| self.room(to).to_owned());
                if to != module.file || room != self.room(module.file) {
                    arrows.insert(Arrow { from: module.file, line: *line, to, room, facade: *facade });
                }
            }
        }
        arrows.into_iter().collect()
    }

    /// The room a file is in.
    pub(crate) fn room(&self, file: usize) -> &str {
        let name = &self.files[file].0;
        name.split('/').next().map_or(name.as_str(), |room| room.trim_end_matches(".rs"))
    }

    fn resolve(&self, from: usize, path: &[String], seen: &mut HashSet<(usize, String)>) -> Option<Found> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Found::Module(0),
            "self" => Found::Module(from),
            "super" => Found::Module(self.modules[from].parent?),
            name => self.look_up(from, name, !rest.is_empty(), seen)?,
        };
        while let (Found::Module(module), Some((next, after))) = (at, rest.split_first()) {
            at = match next.as_str() {
                "super" => Found::Module(self.modules[module].parent?),
                "self" => at,
                name => self.look_up(module, name, !after.is_empty(), seen)?,
            };
            rest = after;
        }
        Some(at)
    }

    /// What a module calls by a name: a module sooner than anything else if the path goes on behind it.
    fn look_up(&self, of: usize, name: &str, goes_on: bool, seen: &mut HashSet<(usize, String)>) -> Option<Found> {
        if !seen.insert((of, name.to_owned())) {
            return None;
        }
        let module = &self.modules[of];
        let all = module.names.get(name).into_iter().flatten().filter_map(|named| match named {
            Named::Module(id) => Some(Found::Module(*id)),
            Named::Here => Some(Found::Item(module.file)),
            Named::Import(path) => self.resolve(of, path, &mut seen.clone()),
        });
        let all: Vec<Found> = all.collect();
        let wanted = all.iter().find(|found| matches!(found, Found::Module(_)) == goes_on);
        wanted.or(all.first()).copied().or_else(|| {
            module.globs.iter().find_map(|glob| match self.resolve(of, glob, &mut seen.clone())? {
                Found::Module(inside) if inside != of => self.look_up(inside, name, goes_on, &mut seen.clone()),
                _ => None,
            })
        })
    }
}

fn module_path(name: &str) -> Vec<String> {
    let path = name.trim_end_matches(".rs").trim_end_matches("mod").trim_end_matches('/');
    path.split('/').filter(|part| !part.is_empty() && *part != "lib").map(ToOwned::to_owned).collect()
}

/// Only tests, or only documentation, have it.
fn left_out(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| match &attr.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            ["test", "doc"].contains(&list.tokens.to_string().as_str())
        }
        meta => meta.path().is_ident("test"),
    })
}

/// The name an item gives to something in its file.
fn defined(item: &syn::Item) -> Option<String> {
    let ident = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}

/// Collects what one module's code mentions.
#[derive(Default)]
struct Reader {
    is_facade: bool,
    imports: Vec<(String, Vec<String>)>,
    mentions: Vec<Mention>,
    inside: Vec<(String, Vec<syn::Item>)>,
}

impl Reader {
    fn mention(&mut self, path: Vec<String>, line: usize) {
        self.mentions.push(Mention { path, line, glob: false, facade: false });
    }

    fn import(&mut self, tree: &syn::UseTree, above: &[String], facade: bool) {
        let with = |ident: &syn::Ident| [above, &[ident.unraw().to_string()]].concat();
        let mut one = |name: &syn::Ident, ident: &syn::Ident| {
            let path = if ident == "self" { above.to_vec() } else { with(ident) };
            let name = if name == "self" { above.last().cloned().unwrap_or_default() } else { name.to_string() };
            self.imports.push((name, path.clone()));
            self.mentions.push(Mention { path, line: ident.span().start().line, glob: false, facade });
        };
        match tree {
            syn::UseTree::Path(tree) => self.import(&tree.tree, &with(&tree.ident), facade),
            syn::UseTree::Name(tree) => one(&tree.ident, &tree.ident),
            syn::UseTree::Rename(tree) => one(&tree.rename, &tree.ident),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, above, facade)),
            syn::UseTree::Glob(glob) => {
                let line = glob.star_token.span.start().line;
                self.mentions.push(Mention { path: above.to_vec(), line, glob: true, facade });
            }
        }
    }

    /// Paths in what a macro is given, which is not parsed.
    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Ident(ident) => {
                    if colons != 2 && !path.is_empty() {
                        let whole = std::mem::take(&mut path);
                        self.mention(whole, line);
                    }
                    line = ident.span().start().line;
                    path.push(ident.unraw().to_string());
                    colons = 0;
                }
                proc_macro2::TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    colons = 0;
                    if !path.is_empty() {
                        let whole = std::mem::take(&mut path);
                        self.mention(whole, line);
                    }
                    if let proc_macro2::TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        if !path.is_empty() {
            self.mention(path, line);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if let Some((_, content)) = item.content.as_ref().filter(|_| !left_out(&item.attrs)) {
            self.inside.push((item.ident.to_string(), content.clone()));
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !left_out(&item.attrs) {
            let facade = self.is_facade && !matches!(item.vis, syn::Visibility::Inherited);
            self.import(&item.tree, &[], facade);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !left_out(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !left_out(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !left_out(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let line = path.segments.first().map_or(0, |first| first.ident.span().start().line);
        self.mention(path.segments.iter().map(|s| s.ident.unraw().to_string()).collect(), line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
    }
}
