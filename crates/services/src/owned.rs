//! Owns what belongs to one value: its nodes, their keeper and their folder, which go together.

use crate::error::Error;
use crate::keeper::Keeper;
use crate::node::Node;
use crate::place::Folder;
use std::path::Path;

/// Nodes that are gone with this value.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) nodes: Vec<Node>,
    /// `None` when the nodes have been set free.
    keeper: Option<Keeper>,
    folder: Option<Folder>,
}

impl Owned {
    pub(crate) fn new(keeper: Keeper, folder: Folder) -> Self {
        Self { nodes: Vec::new(), keeper: Some(keeper), folder: Some(folder) }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().expect("it goes with this value").path()
    }

    pub(crate) fn release(mut self) -> Result<(), Error> {
        self.folder.take().map_or(Ok(()), Folder::keep)?;
        if let Some(keeper) = self.keeper.take() {
            keeper.release();
        }
        Ok(())
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let Some(keeper) = self.keeper.take() else { return };
        for node in &mut self.nodes {
            node.abandon();
        }
        drop(keeper);
    }
}
