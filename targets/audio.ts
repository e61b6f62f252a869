/** `octavo/audio`: sound → the values of an input, and WAVE files. */
export { prepareSound, type Sound, type SoundPreparation } from "../sdk/prepare/audio.ts";
export { readWav } from "../sdk/prepare/wav.ts";
