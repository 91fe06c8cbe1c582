//! `ebb policy`: what administrators have set, and setting it while the service runs.
//!
//! Each change is tried, whatever became of the one before; the code is that of the first failure. What a
//! value may be is the service's to judge.

use ebb_api::client::PolicySetting;

use crate::args::Invocation;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{connect, output};

/// Shows it, or changes it.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let changes = changes(call)?;
    let client = connect::service(call).await?;
    if changes.is_empty() {
        let settings = client.policy().await.map_err(cannot("read the policy"))?;
        if settings.is_empty() {
            output::remark(call, "nothing is set: all is as ebb.toml(5) says");
        }
        for setting in &settings {
            output::line(&text(setting))?;
        }
        return Ok(Exit::Success);
    }
    let mut exit = Exit::Success;
    for (key, value) in changes {
        if let Err(error) = client.set_policy(key, value).await {
            let failure = cannot(&format!("set {}", shown(key)))(error);
            failure.tell();
            exit = if exit == Exit::Success { failure.exit } else { exit };
        }
    }
    Ok(exit)
}

/// What is to be changed: keys and values.
fn changes(call: &Invocation) -> Result<Vec<(&str, &str)>, Failure> {
    let mut changes = Vec::new();
    for word in call.words()? {
        let pair = word.split_once('=').filter(|(key, _)| !key.is_empty());
        let Some(pair) = pair else {
            return Err(call.misused("a policy and its value, please: POLICY=VALUE"));
        };
        changes.push(pair);
    }
    Ok(changes)
}

fn text(setting: &PolicySetting) -> String {
    let by = setting.file.as_deref().unwrap_or("ebb policy");
    format!("{} = {}  # {}", shown(&setting.key), shown(&setting.value), shown(by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_shown_as_in_a_file_with_where_it_is_from() {
        let [key, value] = ["on-battery", "\"none\""].map(str::to_owned);
        let mut setting = PolicySetting { key, value, file: None };
        assert_eq!(text(&setting), "on-battery = \"none\"  # ebb policy");
        setting.file = Some("/etc/ebb/ebb.toml".to_owned());
        assert_eq!(text(&setting), "on-battery = \"none\"  # /etc/ebb/ebb.toml");
    }
}
