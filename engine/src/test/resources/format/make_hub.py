"""Builds six SAEs of the hub by the names and shapes of their files, with random weights.

What `sae4j inspect` prints for them is in the README. Usage: python make_hub.py FOLDER [NAME...]
(needs numpy, torch and safetensors; the largest takes 1.1 GB).
"""

import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file

root = pathlib.Path(sys.argv[1])
g = torch.Generator().manual_seed(1)


def unit(n, d):
    rows = torch.randn(n, d, generator=g)
    return rows / rows.norm(dim=1, keepdim=True)


def folder(*names):
    path = root.joinpath(*names)
    path.mkdir(parents=True, exist_ok=True)
    return path


def openai_v5():
    """A folder of SAELens before 6: TopK stands in activation_fn_str alone."""
    d, n = 768, 32768
    to = folder("GPT2-Small-OAI-v5-32k-resid-post-SAEs", "v5_32k_layer_8")
    w = unit(n, d)
    save_file(
        {"W_enc": w.T.contiguous(), "W_dec": w, "b_enc": torch.zeros(n), "b_dec": torch.zeros(d)},
        to / "sae_weights.safetensors",
    )
    (to / "cfg.json").write_text(json.dumps({
        "architecture": "standard", "d_in": d, "d_sae": n, "dtype": "torch.float32",
        "model_name": "gpt2-small", "hook_name": "blocks.8.hook_resid_post", "hook_layer": 8,
        "hook_head_index": None, "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 32},
        "apply_b_dec_to_input": True, "finetuning_scaling_factor": False, "prepend_bos": False,
        "context_size": 64, "dataset_path": "Skylion007/openwebtext",
        "normalize_activations": "layer_norm", "device": "cpu", "sae_lens_training_version": None,
    }))


def gemma_scope():
    d, n = 2304, 16384
    to = folder("gemma-scope-2b-pt-res", "layer_20", "width_16k", "average_l0_71")
    w = unit(n, d)
    np.savez(
        to / "params.npz", W_enc=w.T.numpy(), W_dec=w.numpy(), b_enc=np.zeros(n, np.float32),
        b_dec=np.zeros(d, np.float32), threshold=np.full(n, 8, np.float32),
    )


def gemma_scope_2():
    d, n = 640, 16384
    to = folder("gemma-scope-2-270m-pt", "transcoder", "layer_12_width_16k_l0_small_affine")
    w = unit(n, d)
    save_file(
        {"w_enc": w.T.contiguous(), "w_dec": w, "b_enc": torch.zeros(n), "b_dec": torch.zeros(d),
         "threshold": torch.full((n,), 2.0), "affine_skip_connection": torch.eye(d)},
        to / "params.safetensors",
    )
    (to / "config.json").write_text(json.dumps({
        "architecture": "jump_relu", "model_name": "google/gemma-3-270m-pt", "width": n,
        "hf_hook_point_in": "model.layers.12.pre_feedforward_layernorm.output",
        "hf_hook_point_out": "model.layers.12.post_feedforward_layernorm.output",
        "affine_connection": True, "l0": 20,
    }))


def sparsify():
    d, n = 768, 32768
    to = folder("sae-pythia-160m-32k", "layers.8")
    w = unit(n, d)
    save_file(
        {"encoder.weight": w, "encoder.bias": torch.zeros(n), "W_dec": w.clone(),
         "b_dec": torch.zeros(d)},
        to / "sae.safetensors",
    )
    (to / "cfg.json").write_text(json.dumps({
        "expansion_factor": 32, "normalize_decoder": True, "num_latents": n, "k": 32,
        "multi_topk": False, "d_in": d,
    }))


def llama_scope():
    d, n = 4096, 32768
    to = folder("Llama3_1-8B-Base-LXR-8x", "Llama3_1-8B-Base-L15R-8x")
    (to / "checkpoints").mkdir(exist_ok=True)
    w = unit(n, d)
    b = torch.bfloat16
    save_file(
        {"encoder.weight": w.to(b), "encoder.bias": torch.zeros(n, dtype=b),
         "decoder.weight": w.T.contiguous().to(b), "decoder.bias": torch.zeros(d, dtype=b)},
        to / "checkpoints" / "final.safetensors",
    )
    (to / "hyperparams.json").write_text(json.dumps({
        "hook_point_in": "blocks.15.hook_resid_post", "hook_point_out": "blocks.15.hook_resid_post",
        "use_decoder_bias": True, "apply_decoder_bias_to_pre_encoder": False,
        "expansion_factor": 8, "d_model": d, "d_sae": n, "norm_activation": "dataset-wise",
        "dataset_average_activation_norm": {"in": 8.5, "out": 8.5}, "act_fn": "jumprelu",
        "jump_relu_threshold": 0.5, "sparsity_include_decoder_norm": True, "top_k": 50,
        "use_glu_encoder": False,
    }))


def qwen_scope():
    d, n = 2048, 32768
    to = folder("SAE-Res-Qwen3-1.7B-Base-W32K-L0_50")
    w = unit(n, d)
    torch.save(
        {"W_enc": w, "W_dec": w.T.contiguous(), "b_enc": torch.zeros(n), "b_dec": torch.zeros(d)},
        to / "layer14.sae.pt",
    )


ALL = [openai_v5, gemma_scope, gemma_scope_2, sparsify, llama_scope, qwen_scope]
for each in ALL:
    if len(sys.argv) == 2 or each.__name__ in sys.argv[2:]:
        each()
