//! A disk on a switch: what is behind it changes while the guest runs, and the guest's
//! device stays the same one.
//!
//! Three nodes of QEMU's block layer, one over the other: `vbdN` limits the rate,
//! `switchN` leads to what is behind, usually `storeN`, the disk's own data. Each was made
//! by a command of its own, so none goes when the one above lets go of it.
//!
//! Rule: a change waits for the requests that are behind the switch. Whoever made them
//! hang lets them go first, or QEMU hangs with them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::guest::Guest;

/// The switch of one disk.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    number: usize,
    read_only: bool,
    image: Option<PathBuf>,
}

impl Switch {
    /// That of disk `number`, whose own data are this block device.
    pub(super) fn new(number: usize, store: &Value) -> Self {
        let read_only = store["read-only"] == true;
        let is_image = store["driver"] == "raw" && store["file"]["driver"] == "file";
        let image = store["file"]["filename"].as_str().filter(|_| is_image).map(PathBuf::from);
        Self { number, read_only, image }
    }

    /// The image file that has the disk's data, if one has.
    pub(crate) fn image(&self) -> Option<&Path> {
        self.image.as_deref()
    }

    /// The name of the node with the disk's own data.
    pub(crate) fn store(&self) -> String {
        format!("store{}", self.number)
    }

    fn group(&self) -> String {
        format!("rate{}", self.number)
    }

    /// What makes the nodes on QEMU's command line.
    pub(super) fn args(&self, store: &Value, rate: Option<u64>) -> Vec<String> {
        let (number, read_only) = (self.number, self.read_only);
        let mut store = store.clone();
        store["node-name"] = json!(self.store());
        let limits = json!({"bps-total": rate.unwrap_or(0)});
        let group = json!({"qom-type": "throttle-group", "id": self.group(), "limits": limits});
        let top = json!({
            "driver": "throttle",
            "throttle-group": self.group(),
            "file": format!("switch{number}"),
            "node-name": format!("vbd{number}"),
            "read-only": read_only,
        });
        let switch = self.leading_to(&self.store());
        let blockdevs = [store, switch, top].map(|node| ["-blockdev".into(), node.to_string()]);
        let object = ["-object".into(), group.to_string()];
        object.into_iter().chain(blockdevs.into_iter().flatten()).collect()
    }

    fn leading_to(&self, node: &str) -> Value {
        json!({
            "driver": "raw",
            "node-name": format!("switch{}", self.number),
            "file": node,
            "read-only": self.read_only,
        })
    }

    /// Makes a node, and has the switch lead to it.
    pub(crate) fn divert(&self, guest: &mut Guest, node: Value) -> Result<()> {
        let name = node["node-name"].as_str().unwrap_or_default().to_owned();
        guest.qmp("blockdev-add", node)?;
        self.lead_to(guest, &name)
    }

    /// Has the switch lead to the disk's own data again, and removes the other node.
    pub(crate) fn lead_back(&self, guest: &mut Guest, from: &str) -> Result<()> {
        self.lead_to(guest, &self.store())?;
        guest.qmp("blockdev-del", json!({"node-name": from})).map(drop)
    }

    fn lead_to(&self, guest: &mut Guest, node: &str) -> Result<()> {
        guest.qmp("blockdev-reopen", json!({"options": [self.leading_to(node)]})).map(drop)
    }

    /// Limits the rate to so many bytes a second, or no more.
    pub(crate) fn limit(&self, guest: &mut Guest, rate: Option<u64>) -> Result<()> {
        let path = format!("/objects/{}", self.group());
        let limits = json!({"bps-total": rate.unwrap_or(0)});
        let set = json!({"path": path, "property": "limits", "value": limits});
        guest.qmp("qom-set", set).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_names_the_one_below() {
        let store = json!({"driver": "raw", "file": {"driver": "file", "filename": "/a"}});
        let switch = Switch::new(3, &store);
        let args = switch.args(&store, None);
        let nodes: Vec<Value> =
            args.iter().skip(1).step_by(2).map(|arg| serde_json::from_str(arg).unwrap()).collect();
        assert_eq!(nodes[1]["node-name"], "store3");
        assert_eq!(
            (&nodes[2]["node-name"], &nodes[2]["file"]),
            (&json!("switch3"), &json!("store3"))
        );
        assert_eq!(
            (&nodes[3]["node-name"], &nodes[3]["file"]),
            (&json!("vbd3"), &json!("switch3"))
        );
        assert_eq!(nodes[3]["throttle-group"], nodes[0]["id"]);
        assert_eq!(switch.image(), Some(Path::new("/a")));
    }

    #[test]
    fn only_a_raw_image_file_is_an_image() {
        let null = Switch::new(0, &json!({"driver": "null-co"}));
        assert_eq!(null.image(), None);
    }
}
