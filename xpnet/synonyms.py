"""Other libraries' names for what xpnet has, and advice on what it has under no name: for the hints of errors.

The names are those of Keras, PyTorch, scikit-learn, JAX's libraries, Lightning and LightGBM.
"""

from __future__ import annotations

from collections.abc import Iterable

_ARGUMENTS = {
    # models and layers
    "network": "net module layers architecture",
    "loss": "criterion loss_fn loss_function objective",
    "optimizer": "optim optimiser solver opt",
    "seed": "random_state random_seed rng",
    "units": "out_features out_channels filters num_filters output_dim output_size hidden_size num_units n_units "
    "hidden_layer_sizes",
    "hidden": "hidden_layer_sizes units layers dim_feedforward intermediate_dim ff_dim",
    "kernel_size": "kernel pool_size window filter_size",
    "stride": "strides",
    "dilation": "dilation_rate",
    "bias": "use_bias fit_intercept",
    "initializer": "kernel_initializer weight_initializer initialiser init embeddings_initializer weight_init",
    "nonlinearity": "activation",
    "rate": "p drop drop_rate drop_prob dropout dropout_rate",
    "dropout": "p rate drop_rate dropout_rate",
    "size": "num_embeddings input_dim vocab_size vocabulary_size",
    "features": "embedding_dim output_dim embed_dim d_model key_dim",
    "padding": "padding_idx",
    "heads": "num_heads n_heads nhead",
    "causal": "is_causal use_causal_mask",
    "norm_first": "pre_norm",
    "shape": "target_shape unflattened_size",
    "axes": "dims normalized_shape axis",
    "axis": "dim",
    "groups": "num_groups",
    "factor": "scale_factor",
    "method": "mode interpolation",
    "start": "init alpha_initializer",
    "value": "mask_value",
    "times": "repeats n num_layers",
    "length": "max_len sequence_length input_dim",
    # training
    "epochs": "max_iter n_epochs num_epochs max_epochs nb_epoch epoch num_boost_round",
    "iterations": "max_iter maxiter n_iter epochs",
    "tolerance": "tol gtol ftol",
    "batch_size": "batch minibatch_size",
    "validation_data": "eval_set val_data valid_data validation",
    "validation_split": "validation_fraction val_split test_size",
    "held_out": "validation_split validation_fraction test_size",
    "class_weight": "class_weights",
    "sample_weight": "sample_weights weights weight",
    "callbacks": "callback",
    "verbose": "verbosity",
    "metrics": "metric scoring",
    "steps_per_call": "steps_per_execution",
    "patience": "n_iter_no_change stopping_rounds early_stopping_rounds",
    "min_delta": "tol threshold",
    "threshold": "min_delta tol",
    "restore_best": "restore_best_weights",
    "monitor": "metric",
    "x": "X data inputs features",
    "y": "Y labels targets",
    "path": "filepath filename file f fname",
    "state": "state_dict",
    # optimizers and schedules
    "lr": "learning_rate learning_rate_init eta eta0 step_size base_lr",
    "beta1": "beta_1 b1 betas",
    "beta2": "beta_2 b2 betas",
    "eps": "epsilon",
    "alpha": "rho negative_slope",
    "rho": "alpha",
    "weight_decay": "l2 alpha reg_lambda kernel_regularizer",
    "l1": "reg_alpha",
    "clip_norm": "clipnorm global_clipnorm max_grad_norm gradient_clip_val max_norm",
    "clip_value": "clipvalue",
    "accumulate": "gradient_accumulation_steps accumulate_grad_batches",
    "average": "use_ema ema_momentum",
    "peak": "lr learning_rate initial_learning_rate max_lr init_value max_value peak_value",
    "every": "step_size step period",
    "gamma": "decay_rate factor drop",
    "steps": "decay_steps total_steps T_max T_0 first_decay_steps max_decay_steps total_iters warmup_steps n_iter",
    "final": "eta_min end_learning_rate end_value",
    "longer": "T_mult t_mul",
    "schedule": "then",
    "labels": "classes",
    "target": "label target_column y_column",
    "y_score": "y_prob y_proba y_pred",
    "y_proba": "y_prob y_score y_pred",
    "y_pred": "y_prediction y_hat predictions",
    "power": "p",
}

_LAYERS = {
    "Dense": "linear fully_connected",
    "Sequential": "chain mlp",
    "MaxPool1D": "max_pooling1d",
    "MaxPool2D": "max_pooling2d",
    "AveragePool1D": "average_pooling1d avg_pool1d",
    "AveragePool2D": "average_pooling2d avg_pool2d",
    "GlobalMaxPool": "global_max_pooling1d global_max_pooling2d adaptive_max_pool2d",
    "GlobalAveragePool": "global_average_pooling1d global_average_pooling2d adaptive_avg_pool2d",
    "ConvTranspose1D": "conv1d_transpose",
    "ConvTranspose2D": "conv2d_transpose deconv",
    "BatchNorm": "batch_normalization batch_norm1d batch_norm2d",
    "LayerNorm": "layer_normalization",
    "GroupNorm": "group_normalization instance_norm2d",
    "RMSNorm": "rms_normalization",
    "SpatialDropout": "spatial_dropout1d spatial_dropout2d dropout1d dropout2d",
    "RNN": "simple_rnn",
    "Upsample": "up_sampling1d up_sampling2d",
    "TransformerBlock": "transformer_encoder_layer transformer_encoder",
    "MultiHeadAttention": "multihead_attention attention",
    "Concatenate": "concat",
    "load": "load_model",
    "fit_lbfgs": "lbfgs",
    "Callback": "callbacks",
}

_LOSSES = {
    "softmax_cross_entropy": "crossentropy ce xent log_loss logistic categorical_crossentropy "
    "sparse_categorical_crossentropy multinomial softmax cross_entropy_loss",
    "cross_entropy": "crossentropy categorical_crossentropy sparse_categorical_crossentropy",
    "sigmoid_cross_entropy": "bce bce_with_logits bce_with_logits_loss bce_loss binary_crossentropy "
    "multi_label_soft_margin_loss soft_margin_loss log_loss binary_logistic logistic",
    "binary_cross_entropy": "bce bce_loss binary_crossentropy",
    "nll": "negative_log_likelihood neg_log_likelihood",
    "mse": "mean_squared_error squared_error l2 l2_loss regression squared_loss",
    "mae": "mean_absolute_error absolute_error l1 l1_loss",
    "kl_divergence": "kld kl kl_div kl_div_loss kullback_leibler_divergence",
    "poisson_nll": "poisson",
    "cosine_distance": "cosine_similarity cosine_embedding_loss cosine",
    "log_cosh": "logcosh",
    "quantile": "pinball pinball_loss",
    "softmax_focal": "categorical_focal_crossentropy focal",
    "sigmoid_focal": "binary_focal_crossentropy focal",
}
_ACTIVATIONS = {
    "silu": "swish",
    "gelu": "gelu_tanh gelu_new quick_gelu gelu_pytorch_tanh",
    "leaky_relu": "lrelu",
    "tanh": "hyperbolic_tangent",
    "sigmoid": "logistic expit",
    "relu": "rectifier rectified_linear",
    "log_sigmoid": "log_logistic",
}
_OPTIMIZERS = {
    "sgd": "momentum nesterov gradient_descent",
    "adam": "amsgrad sparse_adam",
    "nadam": "nesterov_adam",
}
_METRICS = {
    "accuracy": "acc accuracy_score categorical_accuracy sparse_categorical_accuracy binary_accuracy",
    "roc_auc": "auc roc auroc roc_auc_score",
    "top_k_accuracy": "top_k_categorical_accuracy sparse_top_k_categorical_accuracy top5",
    "precision": "precision_score",
    "recall": "recall_score sensitivity",
    "f1": "f1_score f_score",
    "r2": "r2_score r_squared",
    "log_loss": "crossentropy categorical_crossentropy",
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
}
_INITIALIZERS = {
    "glorot": "xavier xavier_uniform xavier_normal glorot_uniform glorot_normal",
    "he": "kaiming kaiming_normal kaiming_uniform he_normal he_uniform variance_scaling",
    "lecun": "lecun_normal lecun_uniform",
    "normal": "random_normal gaussian",
    "uniform": "random_uniform",
    "identity": "eye",
}
_REMARKS = {
    "softmax_cross_entropy": "classes, from logits",
    "cross_entropy": "classes, from probabilities",
    "sigmoid_cross_entropy": "yes or no, from logits",
    "binary_cross_entropy": "yes or no, from probabilities",
}
"""The difference between names that stand for the same thing elsewhere."""

_INSTEAD = {
    "relu": {
        "None, the default, is the identity": "linear identity none",
        "xn.PReLU() has a parameter, put it after the layer as one of its own": "prelu",
    },
    "adam": {"xn.fit_lbfgs(model, x, y) trains by L-BFGS": "lbfgs"},
}
"""By a known name: advice for names that xpnet has in another place."""

_ADVICE = {
    "sizes of inputs follow from the data": "in_features in_channels input_shape input_dim input_size "
    "batch_input_shape num_features num_channels",
    "give metrics to evaluate": "metrics",
    "fit shuffles the samples anew in each epoch": "shuffle",
    "regularise by the optimizer: xn.adamw(weight_decay=0.01)": "kernel_regularizer bias_regularizer "
    "activity_regularizer regularizer l2",
    "give fit callbacks=[xn.EarlyStopping()]": "early_stopping early_stopping_rounds patience",
    "the name of the loss says it: softmax_cross_entropy is of logits, cross_entropy of probabilities": "from_logits",
    "no input is changed in place": "inplace",
    "x is (n, time, features)": "batch_first time_major",
    "the output is that of all time steps, unless last=True": "return_sequences",
    "the activation is a layer of its own, or the option of a Dense": "activation",
    "stack layers for more": "num_layers",
    "give the device to Model": "device",
    "the batches are chosen for you here": "batch_size",
    "the separator and the encoding are found from the content": "sep delimiter encoding",
    "a callback may write it: model.save(path)": "checkpoint_path",
}
_COMMANDS = {"train": "fit learn run", "evaluate": "score test eval", "inspect": "show summary info describe"}
_WORDS = (_ARGUMENTS, _LAYERS, _LOSSES, _ACTIVATIONS, _OPTIMIZERS, _METRICS, _INITIALIZERS, _COMMANDS)


def bare(word: str) -> str:
    """A name without what libraries write differently: "LeakyReLU", "leaky_relu" and "--leaky-relu" are one."""
    return "".join(filter(str.isalnum, word)).lower()


def same(word: str, known: Iterable[str]) -> list[str]:
    """The known names for the same thing: by the tables, or the one that is spelled alike."""
    names = {bare(name): name for name in known}
    if not (word := bare(word)):
        return []
    found = [
        names[bare(ours)]
        for table in _WORDS
        for ours, theirs in table.items()
        if word in map(bare, theirs.split()) and bare(ours) in names
    ]
    alike = [names[end] for end in (word, word.removesuffix("loss")) if end in names]
    return list(dict.fromkeys(found or alike[:1]))


def hint(word: str, known: Iterable[str]) -> str:
    """The hint for an unknown name: "did you mean 'lr'? ", or "" where no known name is near."""
    import difflib  # only an error needs it

    names = {bare(name): name for name in known}
    found = same(word, known)
    for anchor, texts in _INSTEAD.items() if not found else ():
        for text, theirs in texts.items():
            if anchor in known and bare(word) in theirs.split():
                return f"{text}; "
    if not found:
        found = [names[near] for near in difflib.get_close_matches(bare(word), names, n=1, cutoff=0.6)]
    several = len(found) > 1
    words = (f"{name!r} ({_REMARKS[name]})" if several and name in _REMARKS else repr(name) for name in found)
    return f"did you mean {' or '.join(words)}? " if found else ""


def advice(argument: str) -> str:
    """A sentence for an argument that other libraries have and xpnet has in another place; "" for all others."""
    word = bare(argument)
    return next((text for text, theirs in _ADVICE.items() if word in map(bare, theirs.split())), "")
