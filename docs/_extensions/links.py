"""Code in the text that is the name of something in `thinc.api` becomes a link to its description."""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.python import ObjectEntry
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode


class LinkNames(SphinxPostTransform):
    default_priority = 500

    def run(self) -> None:
        if self.env.docname.startswith("api/"):
            return
        for literal in list(self.document.findall(nodes.literal)):
            if isinstance(literal.parent, (nodes.reference, nodes.title)):
                continue
            entry = self.find(literal.astext())
            if entry is not None:
                link = make_refnode(
                    self.app.builder, self.env.docname, entry.docname, entry.node_id, literal.deepcopy()
                )
                literal.replace_self(link)

    def find(self, code: str) -> ObjectEntry | None:
        """`chain`, `Model.walk`, `model.walk()`, `begin_update`, `model.ops.minibatch`."""
        objects = self.env.domains["py"].data["objects"]
        name = re.sub(r"\(.*\)$", "", code, flags=re.DOTALL)
        name = re.sub(r"^(model\.)?ops\.", "Ops.", name)
        name = re.sub(r"^model\.", "Model.", name)
        entry = objects.get(f"thinc.api.{name}")
        if entry is None and "_" in name:  # a word that can only be a method
            entry = objects.get(f"thinc.api.Model.{name}")
        return entry


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
