//! What is where, for tools that ask: the contract's XML, and the interfaces every object has.
//!
//! Whether a job or a capability is there at all is not answered here; `dispatch` asks the main
//! loop first, so that introspection is no way to find out.

use ebb_api::names;

const COMMON: &str = r#"  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect">
      <arg name="xml_data" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Peer">
    <method name="Ping"/>
    <method name="GetMachineId">
      <arg name="machine_uuid" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="out"/>
    </method>
    <method name="Set">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="in"/>
    </method>
    <method name="GetAll">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="properties" type="a{sv}" direction="out"/>
    </method>
    <signal name="PropertiesChanged">
      <arg name="interface_name" type="s"/>
      <arg name="changed_properties" type="a{sv}"/>
      <arg name="invalidated_properties" type="as"/>
    </signal>
  </interface>
"#;

/// The XML of the object at `path`; nothing where there can be none. Jobs are not listed as
/// children: with 100,000 of them no message could hold it, and nobody may see them all.
pub(super) fn xml(path: &str) -> Option<String> {
    if path == names::MANAGER_PATH {
        return Some(with(names::MANAGER_XML, &["job", "token_options"]));
    }
    if names::job_id(path).is_some() {
        return Some(with(names::JOB_XML, &[]));
    }
    if names::token_options_random(path).is_some() {
        return Some(with(names::TOKEN_OPTIONS_XML, &[]));
    }
    let child = match path {
        "/" => "org",
        "/org" => "ebb",
        "/org/ebb" => "Transfer1",
        "/org/ebb/Transfer1/job" | "/org/ebb/Transfer1/token_options" => "",
        _ => return None,
    };
    let children: &[&str] = if child.is_empty() { &[] } else { &[child] };
    Some(with("<node>\n</node>\n", children))
}

fn with(xml: &str, children: &[&str]) -> String {
    let nodes: String =
        children.iter().map(|name| format!("  <node name=\"{name}\"/>\n")).collect();
    let end = xml.rfind("</node>").unwrap_or(xml.len());
    format!("{}{COMMON}{nodes}{}", &xml[..end], &xml[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_shows_its_contract_and_what_every_object_has() {
        let xml = xml(names::MANAGER_PATH).unwrap();
        for part in ["org.ebb.Transfer1.Manager", "DBus.Peer", "<node name=\"job\"/>"] {
            assert!(xml.contains(part), "{part}");
        }
        assert!(xml.trim_end().ends_with("</node>"));
    }

    #[test]
    fn the_way_to_the_manager_can_be_walked() {
        for (path, child) in [("/", "org"), ("/org", "ebb"), ("/org/ebb", "Transfer1")] {
            assert!(xml(path).unwrap().contains(child), "{path}");
        }
        assert_eq!(xml("/elsewhere"), None);
    }
}
