//! A disk on a switch: its backend changes while the guest runs, and the guest's device stays
//! the same.
//!
//! `storeN` is the node of QEMU's block layer with the disk's own data, and `vbdN` over it
//! limits the rate. The device uses `vbdN`, or another node while it is diverted. Each node was
//! made by a command of its own, so a node stays when nothing uses it. The nodes below a device
//! are changed by its property `drive`: `blockdev-reopen` would flush first, which a disk that
//! fails cannot.
//!
//! Rule: a change waits for the requests below the device. If a fault made them hang, end the
//! fault first, or QEMU hangs with them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::guest::Guest;

/// The switch of one disk.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    number: usize,
    image: Option<PathBuf>,
}

impl Switch {
    /// The switch of disk `number`, whose own data are this block device.
    pub(super) fn new(number: usize, store: &Value) -> Self {
        let is_image = store["driver"] == "raw" && store["file"]["driver"] == "file";
        let image = store["file"]["filename"].as_str().filter(|_| is_image).map(PathBuf::from);
        Self { number, image }
    }

    /// The image file that has the disk's data, if one has.
    pub(crate) fn image(&self) -> Option<&Path> {
        self.image.as_deref()
    }

    /// The name of the node with the disk's own data.
    pub(crate) fn store(&self) -> String {
        format!("store{}", self.number)
    }

    /// The identity of the guest's device.
    pub(super) fn device(&self) -> String {
        format!("disk{}", self.number)
    }

    fn top(&self) -> String {
        format!("vbd{}", self.number)
    }

    fn group(&self) -> String {
        format!("rate{}", self.number)
    }

    /// The arguments of QEMU that make the nodes.
    pub(super) fn args(&self, store: &Value, rate: Option<u64>) -> Vec<String> {
        let mut store = store.clone();
        store["node-name"] = json!(self.store());
        let limits = json!({"bps-total": rate.unwrap_or(0)});
        let group = json!({"qom-type": "throttle-group", "id": self.group(), "limits": limits});
        let top = json!({
            "driver": "throttle",
            "throttle-group": self.group(),
            "file": self.store(),
            "node-name": self.top(),
            "discard": "unmap",
            "read-only": store["read-only"] == true,
        });
        let args = [("-object", group), ("-blockdev", store), ("-blockdev", top)];
        args.into_iter().flat_map(|(option, value)| [option.into(), value.to_string()]).collect()
    }

    /// Makes a node, and lets the device use it.
    pub(crate) fn divert(&self, guest: &mut Guest, node: Value) -> Result<()> {
        let name = node["node-name"].as_str().unwrap_or_default().to_owned();
        guest.qmp("blockdev-add", node)?;
        self.lead_to(guest, &name)
    }

    /// Lets the device use its own data again, and removes the other node.
    pub(crate) fn lead_back(&self, guest: &mut Guest, from: &str) -> Result<()> {
        self.lead_to(guest, &self.top())?;
        guest.qmp("blockdev-del", json!({"node-name": from})).map(drop)
    }

    fn lead_to(&self, guest: &mut Guest, node: &str) -> Result<()> {
        let path = format!("/machine/peripheral/{}", self.device());
        let set = json!({"path": path, "property": "drive", "value": node});
        guest.qmp("qom-set", set).map(drop)
    }

    /// Limits the rate to this many bytes a second, or ends the limit.
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
        let value = |index: usize| serde_json::from_str::<Value>(&args[index]).unwrap();
        let (group, store, top) = (value(1), value(3), value(5));
        assert_eq!((&store["node-name"], &top["node-name"]), (&json!("store3"), &json!("vbd3")));
        assert_eq!((&top["file"], &top["throttle-group"]), (&store["node-name"], &group["id"]));
        assert_eq!(switch.image(), Some(Path::new("/a")));
    }

    #[test]
    fn only_a_raw_image_file_is_an_image() {
        let null = Switch::new(0, &json!({"driver": "null-co"}));
        assert_eq!(null.image(), None);
    }
}
