/** Hyperparameters of the optimizer, first in the training state: the host sets them, `optimize` counts steps. docs/training.md */
@unmanaged
export class Hyper {
  /** 0 sgd, 1 momentum, 2 nesterov, 3 adam, 4 adamw, 5 adagrad, 6 rmsprop */
  optimizer: i32;
  /** momentum: of adam β1 · beta2: of rmsprop α */
  learningRate: f32; momentum: f32; beta2: f32; epsilon: f32; weightDecay: f32;
  /** 0: none */
  clipNorm: f32; clipValue: f32;
  steps: i32;
  /** 1 where a gradient was not finite, or the optimizer needs more state than the file reserves, and nothing was changed. */
  refused: i32;
  beta1Power: f64; beta2Power: f64;
  /** Of momentum and nesterov: from the second step on a gradient counts 1 − dampening. */
  dampening: f32;
}
