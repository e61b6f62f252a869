/** Hyperparameters as PyTorch presets them (torch.optim); a host changes what it wants to. */
import { Hyper } from "./hyper";

const ADAMW: i32 = 4, ADAGRAD: i32 = 5, RMSPROP: i32 = 6;

export function presetHyper(h: Hyper, optimizer: i32): void {
  h.optimizer = optimizer;
  h.learningRate = optimizer == ADAGRAD || optimizer == RMSPROP ? 0.01 : 0.001;
  h.momentum = 0.9;
  h.beta2 = optimizer == RMSPROP ? 0.99 : 0.999;
  h.epsilon = optimizer == ADAGRAD ? 1e-10 : 1e-8;
  h.weightDecay = optimizer == ADAMW ? 0.01 : 0;
  h.beta1Power = 1;
  h.beta2Power = 1;
}
