/** What JavaScript alone does: a table of 256 products for each coefficient, the same code column by column. */
export function tableCode(parityOfUnit, data, parity) {
  const tables = Array.from({ length: parity }, (_, row) =>
    Array.from({ length: data }, (__, column) =>
      Uint8Array.from({ length: 256 }, (___, byte) => parityOfUnit(column, byte)[row]),
    ),
  );
  return {
    encode(inputs, outputs) {
      outputs.forEach((output, row) => {
        inputs.forEach((input, column) => {
          const table = tables[row][column];
          if (column === 0) for (let at = 0; at < output.length; at++) output[at] = table[input[at]];
          else for (let at = 0; at < output.length; at++) output[at] ^= table[input[at]];
        });
      });
    },
  };
}
