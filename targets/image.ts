/** `octavo/image`: pictures → the values of an image input. */
export { prepareImage, type ImagePreparation, type Picture } from "../sdk/prepare/image.ts";
