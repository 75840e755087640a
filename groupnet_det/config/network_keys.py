"""Config keys of binary networks: ``MODEL.GROUPNET``, for the backbone and for all parts."""

from detectron2.config import CfgNode


def add_network_keys(model: CfgNode) -> None:
    """Add ``GROUPNET`` to ``cfg.MODEL``."""
    # These keys choose the network: its backbone, pyramid and heads.
    # docs/understand/networks.md lists which keys give which published network.
    options = model.GROUPNET = CfgNode()
    _add_method_keys(options)
    _add_backbone_keys(options)
    _add_bases_keys(options)
    _add_block_keys(options)
    _add_quantizer_keys(options)


def _add_method_keys(options: CfgNode) -> None:
    # The network, or one to compare it with: "group_net", "float" (full precision), "bnn",
    # "xnor_net", "bireal_net", "abc_net", "dorefa", "lq_net" or "lsq". All but "group_net" fix some
    # of the keys below; layers/methods.py has the table.
    options.METHOD = "group_net"
    # The methods of single parts of the network. "method" stands for METHOD.
    options.PARTS = CfgNode()
    options.PARTS.BACKBONE = "method"
    options.PARTS.NECK = "method"
    options.PARTS.HEAD = "method"
    # The method of the convolutions after the ASPP of DeepLabV3+. In DeepLabV3 they are always
    # float.
    options.PARTS.DECODER = "method"


def _add_backbone_keys(options: CfgNode) -> None:
    # The number of layers of the ResNet: 18, 34 or 50.
    options.DEPTH = 18
    # A factor on all channel counts of the backbone, which are 64 to 512 at 1.0.
    options.WIDTH = 1.0
    # The stride of the last stage: 32, 16 or 8. At 16 and 8, the last stages dilate instead of
    # striding.
    options.OUTPUT_STRIDE = 32
    # The dilations of all 3x3 convolutions of res2 to res5, such as [1, 1, 6, 10]. If the list is
    # empty, OUTPUT_STRIDE determines them. The entry of a stage may also be a list with one
    # dilation per base.
    options.DILATIONS = []
    # Binary parallel atrous convolution (BPAC), for segmentation: each base of a stage has its own
    # dilation. At OUTPUT_STRIDE 8, res4 has 2, 3, ... and res5 has 6, 7, ...; at 16, only res5 has
    # 2, 3, ...
    options.BPAC = CfgNode()
    options.BPAC.ENABLED = False
    # The dilations of the first base in res4 and res5, where 0 leaves a stage without BPAC. If the
    # list is empty, they are those above.
    options.BPAC.FIRST_RATES = []
    # Whether all bases have the dilation of the last one. Only the authors' weights need this.
    options.BPAC.LAST_RATE_ONLY = False
    # The stages whose features a backbone without a neck returns.
    options.OUT_FEATURES = ["res2", "res3", "res4", "res5"]


def _add_bases_keys(options: CfgNode) -> None:
    # K in the paper, 1 to 8: the number of binary bases for each full-precision group of layers.
    options.NUM_BASES = 4
    # K of single parts of the network. 0 stands for NUM_BASES.
    options.PART_BASES = CfgNode()
    options.PART_BASES.BACKBONE = 0
    options.PART_BASES.NECK = 0
    options.PART_BASES.HEAD = 0
    options.PART_BASES.DECODER = 0
    # K of each of res2 to res5, such as [1, 1, 2, 4]. If the list is empty, all have that of the
    # backbone.
    options.STAGE_BASES = []
    # Numbers of bases, such as [1, 2, 4], that one training makes the network run with: a slimmable
    # network. The greatest is NUM_BASES. After training, NUM_BASES chooses one of them. If the list
    # is empty, the network runs with NUM_BASES alone.
    options.SLIMMABLE_BASES = []
    # What is decomposed as a group: each "layer", "block" or "stage", or the whole "network".
    options.GROUP = "block"
    # Whether soft connections, sigmoid(theta) in the paper, precede each group but the first.
    options.GATES = True
    # How the outputs of the branches are combined: "mean" (journal version of the paper),
    # "learned_scales" (lambda in the conference version), or "aliased_mean", which only the
    # authors' weights need.
    options.MERGE = "mean"


def _add_block_keys(options: CfgNode) -> None:
    # The 1x1 convolution in a stage's first shortcut: "binary", or "float" (Group-Net**).
    options.DOWNSAMPLE = "binary"
    # The order of the layers within a block: "conv_act_norm" (Group-Net), "conv_norm_act",
    # "norm_conv_act" (XNOR-Net), or "norm_conv_act_norm", which is Group-Net's with another BN
    # before the sign.
    options.ORDER = "conv_act_norm"
    # The activation function after a convolution: "relu", "rprelu" (ReActNet) or "none".
    options.NONLINEARITY = "relu"
    # What a shortcut bypasses: each "conv" (Bi-Real Net, Group-Net) or each "block".
    options.SHORTCUT = "conv"


def _add_quantizer_keys(options: CfgNode) -> None:
    # The quantizer of activations: "sign" {-1, +1}, "rsign" (ReActNet), "zero_one" {0, 1}, "abc",
    # "dorefa", "lq", "lsq", "float", or "tanh", which is float, for a first stage of training.
    options.ACTIVATION = "sign"
    # The gradient of that sign: "polynomial" (Bi-Real Net), "hardtanh" (BNN), "identity", "tanh" or
    # "swish".
    options.GRADIENT = "polynomial"
    # Stretches this gradient along x. "polynomial" and "hardtanh" are 0 where |x| is greater (the
    # bound of the straight-through estimator; PokeBNN).
    options.GRADIENT_WIDTH = 1.0
    # The gradient of activations of {0, 1}: "clipped" passes it where x is between 0 and 1;
    # "identity" passes it everywhere, as in the code that the authors published.
    options.ZERO_ONE_GRADIENT = "clipped"
    # The quantizer of weights: "sign" (sign(W) times a scale), "abc", "dorefa", "lq", "lsq", or
    # "float", which goes with ACTIVATION "tanh".
    options.WEIGHT = "sign"
    # The scale mean|W|: one for each "layer" and base, one for each output "channel", or "none".
    options.WEIGHT_SCALE = "layer"
    # The gradient of the sign of weights: "identity", "clipped" (BNN) or "magnitude" (Bi-Real Net).
    options.WEIGHT_GRADIENT = "identity"
    # The bits of weights and activations with "dorefa", "lq" and "lsq": 1 to 8.
    options.BITS = 2
    # M and N in ABC-Net: the number of signs whose weighted sum stands for a weight, and for an
    # activation.
    options.ABC_WEIGHT_BASES = 5
    options.ABC_ACTIVATION_BASES = 5
