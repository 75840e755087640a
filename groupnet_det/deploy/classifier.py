"""A trained `ImageClassifier` as a packed file.

The member ``blocks`` of its ``info`` says where the maps of the training model's blocks are in the
program, so that a tool can hold the two against each other::

    {"res2.0": {"first_step": 1, "last_step": 2,
                "inputs": [place, ...],
                "units": {"branches.0.unit2": place, ...},
                "merged": place or null}, ...}

* The keys are the paths of the `GroupBlock` in the backbone, in the order of the network; steps
  are called by path too, such as ``res2.0.unit1`` for the first units of all branches.
* ``inputs[k]`` is x_k, which branch k reads, *behind* the block's connection (gate or merge). So
  the outputs of a block are the inputs of the next one, and the last block has ``merged``.
* ``units`` has the inputs of the units behind the first of each branch.
* A place is ``{"step", "at", "index", "sum"}``: what goes to the sinks of that step, where ``at`` is
  ``stem``, ``branch`` (with its number), ``joined`` (a join's, with its number) or ``merged``. Where
  ``sum`` is true the value is the integer sum of a binary convolution, not the unit's output.

Floats are not kept in all places; `block_comparison.keep_places` adds the sinks that keep them, and
`block_comparison.compare_blocks` feeds the training model with them.
"""
