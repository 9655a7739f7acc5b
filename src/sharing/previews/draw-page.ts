/**
 * Draws the first page of a PDF with PDFium, as WebAssembly. Part of the decoder's program, and like it without any import of
 * the gateway's. Of the package only the WebAssembly itself is used: what it may call is written here, and none of it reaches
 * anything. So there are no files, no clock and no environment for it, and its memory grows only where this file lets it.
 */
export interface PdfBytes {
  readonly length: number;
  /** Fills this with the first bytes that were not read yet. */
  readInto(place: Uint8Array): void;
}

export interface DrawnPage {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, and a fourth byte that says nothing. */
  readonly pixels: Uint8Array;
}

/** What is used of it here; TypeScript has its types among those of browsers alone. */
declare const WebAssembly: {
  Module: { new (bytes: Uint8Array): object; imports(module: object): { module: string; name: string }[] };
  Instance: new (module: object, imports: Imports) => { readonly exports: unknown };
};
type Imports = Record<string, Record<string, (...given: number[]) => unknown>>;

interface Pdfium {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly __indirect_function_table: { get(at: number): (...given: number[]) => unknown };
  __wasm_call_ctors(): void;
  emscripten_stack_init(): void;
  emscripten_stack_get_current(): number;
  _emscripten_stack_restore(at: number): void;
  setThrew(threw: number, value: number): void;
  malloc(bytes: number): number;
  PDFiumExt_Init(): void;
  PDFiumExt_OpenFormFillInfo(): number;
  PDFiumExt_InitFormFillEnvironment(document: number, info: number): number;
  FPDF_LoadMemDocument(at: number, length: number, password: number): number;
  FPDF_GetLastError(): number;
  FPDF_LoadPage(document: number, index: number): number;
  FPDF_GetPageWidthF(page: number): number;
  FPDF_GetPageHeightF(page: number): number;
  FPDFBitmap_CreateEx(width: number, height: number, format: number, at: number, stride: number): number;
  FPDFBitmap_FillRect(bitmap: number, left: number, top: number, width: number, height: number, argb: number): void;
  FPDFBitmap_GetBuffer(bitmap: number): number;
  FPDFBitmap_GetStride(bitmap: number): number;
  FPDF_RenderPageBitmap(bitmap: number, page: number, ...placeAndFlags: PlaceAndFlags): void;
  FPDF_FFLDraw(form: number, bitmap: number, page: number, ...placeAndFlags: PlaceAndFlags): void;
}
/** Left, top, width, height, further turns, flags. */
type PlaceAndFlags = [number, number, number, number, number, number];

const BYTES_OF_A_PAGE = 65_536;
/** FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY: a password that nobody said, or a lock that PDFium does not know. */
const LOCKED = [4, 5];
/** FPDFBitmap_BGRx, and FPDF_ANNOT with FPDF_REVERSE_BYTE_ORDER: notes and stamps too, and red first. */
const FOUR_BYTES = 3;
const FLAGS = 0x01 | 0x10;
const WHITE = 0xffffffff;
/** ENOSYS: as WASI is told, and with its sign turned what is a system call to emscripten. */
const NO_SUCH_CALL = 52;

export function compiled(wasm: Uint8Array): object {
  return new WebAssembly.Module(wasm);
}

/** The page with this for its longer side; why not, where there is none; what it throws is of WebAssembly, memory and so on. */
export function drawFirstPage(
  module: object,
  bytes: PdfBytes,
  side: number,
  mostPages: number,
): DrawnPage | 'broken' | 'locked' {
  const pdfium = start(module, mostPages);
  const at = pdfium.malloc(bytes.length);
  if (at === 0) throw new RangeError('There is no room for the file.');
  bytes.readInto(new Uint8Array(pdfium.memory.buffer, at, bytes.length));
  const document = pdfium.FPDF_LoadMemDocument(at, bytes.length, 0);
  if (document === 0) return LOCKED.includes(pdfium.FPDF_GetLastError()) ? 'locked' : 'broken';
  const page = pdfium.FPDF_LoadPage(document, 0);
  if (page === 0) return 'broken';
  const sides = [pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)];
  const longer = Math.max(...sides);
  if (!(longer > 0 && longer < Infinity)) return 'broken';
  const [width = 1, height = 1] = sides.map((length) => Math.max(1, Math.round((length / longer) * side)));
  const bitmap = pdfium.FPDFBitmap_CreateEx(width, height, FOUR_BYTES, 0, 0);
  if (bitmap === 0) throw new RangeError('There is no room for the page.');
  pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, WHITE);
  const place: PlaceAndFlags = [0, 0, width, height, 0, FLAGS];
  pdfium.FPDF_RenderPageBitmap(bitmap, page, ...place);
  fillIn(pdfium, document, (form) => pdfium.FPDF_FFLDraw(form, bitmap, page, ...place));
  return { width, height, pixels: pixelsOf(pdfium, bitmap, width, height) };
}

/** What was written into its fields. A page whose form cannot be drawn is shown without. */
function fillIn(pdfium: Pdfium, document: number, draw: (form: number) => void): void {
  try {
    const form = pdfium.PDFiumExt_InitFormFillEnvironment(document, pdfium.PDFiumExt_OpenFormFillInfo());
    if (form !== 0) draw(form);
  } catch {
    // Its memory can be read all the same, and nothing else is asked of it.
  }
}

function pixelsOf(pdfium: Pdfium, bitmap: number, width: number, height: number): Uint8Array {
  const stride = pdfium.FPDFBitmap_GetStride(bitmap);
  const at = pdfium.FPDFBitmap_GetBuffer(bitmap);
  if (stride !== width * 4) throw new RangeError('The rows are not as they were asked for.');
  return new Uint8Array(pdfium.memory.buffer, at, stride * height).slice();
}

function start(module: object, mostPages: number): Pdfium {
  const pdfium = (): Pdfium => instance.exports as Pdfium;
  const answers = answersOf(pdfium, mostPages);
  const imports: Imports = {};
  for (const { module: of, name } of WebAssembly.Module.imports(module)) {
    const answer = name.startsWith('invoke_') ? trying(pdfium) : answers[name];
    const none = name.startsWith('__syscall_') ? -NO_SUCH_CALL : NO_SUCH_CALL;
    (imports[of] ??= {})[name] = answer ?? (() => none);
  }
  const instance = new WebAssembly.Instance(module, imports);
  pdfium().emscripten_stack_init();
  pdfium().__wasm_call_ctors();
  pdfium().PDFiumExt_Init();
  return pdfium();
}

/** What a C program needs of its surroundings, in emscripten's names; every other call is told that there is no such call. */
function answersOf(pdfium: () => Pdfium, mostPages: number): Imports[string] {
  return {
    emscripten_resize_heap: (bytes = 0) => Number(grow(pdfium().memory, bytes >>> 0, mostPages)),
    _emscripten_memcpy_js: (to = 0, from = 0, length = 0) =>
      new Uint8Array(pdfium().memory.buffer).copyWithin(to >>> 0, from >>> 0, (from >>> 0) + (length >>> 0)),
    _emscripten_throw_longjmp: () => {
      throw new LongJump();
    },
    _abort_js: giveUp,
    __assert_fail: giveUp,
  };
}

/** The memory has no other way to grow: there is no instruction for it in PDFium. A fifth more, so that it is asked seldom. */
function grow(memory: Pdfium['memory'], bytes: number, mostPages: number): boolean {
  const have = memory.buffer.byteLength / BYTES_OF_A_PAGE;
  const wanted = Math.ceil(bytes / BYTES_OF_A_PAGE);
  if (wanted > mostPages) return false;
  const pages = Math.min(Math.max(wanted, Math.ceil(have * 1.2)), mostPages);
  if (pages > have) memory.grow(pages - have);
  return true;
}

class LongJump extends Error {}

function giveUp(): never {
  throw new RangeError('PDFium gave up.');
}

/** A call out of which C may jump, as its decoders of pictures do over what is broken. */
function trying(pdfium: () => Pdfium): (...given: number[]) => unknown {
  return (at = 0, ...given) => {
    const stack = pdfium().emscripten_stack_get_current();
    try {
      return pdfium().__indirect_function_table.get(at)(...given);
    } catch (error) {
      if (!(error instanceof LongJump)) throw error;
      pdfium()._emscripten_stack_restore(stack);
      return pdfium().setThrew(1, 0);
    }
  };
}
