import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import { renderReport } from "../../converter/report/html.ts";
import { shorten } from "../../converter/report/text.ts";
import { sample } from "./sample.ts";

const page = renderReport(sample), { document } = parseHTML(page);
const figures = (label: RegExp) => [...document.querySelectorAll("svg")].filter((s) => label.test(s.getAttribute("aria-label") ?? ""));

describe("the page", () => {
  test("asks the network for nothing and runs nothing", () => {
    expect(document.querySelectorAll("script, link, img, iframe, object, embed")).toHaveLength(0);
    expect(page.replace(/http:\/\/www\.w3\.org\/\S+/g, "")).not.toMatch(/https?:|url\(|@import/);
    expect(document.querySelector("meta[http-equiv]")?.getAttribute("content")).toContain("default-src 'none'");
  });
  test("shows names of the model as text", () => {
    expect(document.querySelector("h1")?.textContent).toBe("mobilenet <tiny>");
    expect(page).not.toContain("<script>alert");
  });
  test("draws every plot wide and narrow", () => {
    for (const label of [/Bytes of/, /Signal to/, /Value range/, /Memory plan/, /Multiply/, /Time of/]) expect(figures(label), String(label)).toHaveLength(2);
  });
  test("has a row per kernel call", () => expect(document.querySelectorAll("details tbody tr")).toHaveLength(sample.layers.length));
  test("has a rectangle per tensor in the memory plan", () => expect(figures(/Memory plan/)[0]!.querySelectorAll("rect")).toHaveLength(sample.memory.blocks.length));
  test("counts the layers below 20 dB", () => expect(document.body.textContent).toContain("1 of 20 layers lie below 20 dB"));
});

describe("what is missing is left out", () => {
  const bare = { ...sample, layers: sample.layers.map(({ error: _, microseconds: __, ...l }) => ({ ...l, outputs: [], macs: 0 })) };
  test("no measurement", () => expect(renderReport(bare)).not.toMatch(/Error of every layer|Value ranges|<h2>Time|<h2>Multiply/));
  test("no layer at all", () => expect(renderReport({ ...bare, layers: [], memory: { arenaBytes: 0, largestLive: 0, blocks: [] } })).toContain("All 0 kernel calls"));
});

test("long names keep their end", () => {
  expect(shorten("block_11_expand_relu_output_11", 17)).toBe("block…u_output_11");
  expect(shorten("/blocks/blocks.1/conv/conv.0/Conv/conv2d_1", 34)).toBe("blocks.1/conv.0/Conv");
  expect(shorten("functional_1/conv2d_1", 34)).toBe("functional_1/conv2d_1");
  expect(shorten("short", 17)).toBe("short");
  expect(shorten("act/Relu;conv/BiasAdd;conv/Conv2D", 17)).toBe("act/Relu");
});
