//! Templates of configs, those of the user before those that anybed carries.

use std::fs;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::daemon::RenderError;
use super::speaker::LIKINGS;

/// Compiled templates, by file name.
#[derive(Debug)]
pub(super) struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// Those of `carried`, files of the same names in `own` taking precedence; all are given local preferences, and `globals`.
    pub(super) fn load(
        carried: &[(&'static str, &str)],
        own: Option<&Path>,
        globals: &[(&'static str, u32)],
    ) -> Result<Self, RenderError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax =
            SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?;
        environment.set_syntax(syntax);
        for (name, value) in LIKINGS.iter().chain(globals) {
            environment.add_global(*name, *value);
        }
        for (name, text) in carried {
            let own = own.map(|folder| folder.join(name)).filter(|path| path.exists());
            let text = match own {
                None => (*text).to_owned(),
                Some(path) => {
                    let failed = |source| RenderError::Read { path: path.display().to_string(), source };
                    fs::read_to_string(&path).map_err(failed)?
                }
            };
            environment.add_template_owned(*name, text)?;
        }
        Ok(Self { environment })
    }

    pub(super) fn render(&self, name: &str, given: impl Serialize) -> Result<String, RenderError> {
        Ok(self.environment.get_template(name)?.render(Serde(given))?)
    }
}
