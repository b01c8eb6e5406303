import { shown } from '@depthcast/book';
import {
  ACCOUNT_PATTERN,
  FLOW_ORDER_ID_PATTERN,
  ORDER_ID_PATTERN,
  orderSides,
  timesInForce,
} from '@depthcast/protocol';
import { anySymbol, flag, matching, oneOf, positiveDecimal, type RawInput, symbol, times } from './field-check.ts';

const COMMON = ['src', 'seq', 'tsRecvUs', 'tsEventUs', 'type', 'symbol', 'orderId'];
const ORDER_FIELDS: ReadonlySet<string> = new Set([...COMMON, 'account', 'side', 'qty', 'price', 'tif', 'postOnly']);
const CANCEL_FIELDS: ReadonlySet<string> = new Set([...COMMON, 'account']);
const AMEND_FIELDS: ReadonlySet<string> = new Set([...COMMON, 'qty', 'price']);

const ACCOUNT_WORDS = 'an account: 1 to 32 letters, digits, _ and -, the first a letter or digit';
const CLIENT_ID_WORDS = 'an order id: 1 to 36 letters, digits, ".", _ and -';
const FLOW_ID_WORDS = 'the id of an order of a flow: a letter, then up to 35 letters, digits, ".", _ and -';

/**
 * What is wrong with an `order`. That it cannot be understood, not that it is refused: of what an account's order may
 * be refused for, the account is told.
 */
export function orderProblem(input: RawInput): string | undefined {
  return (
    unknownField(input, ORDER_FIELDS) ??
    times(input) ??
    whose(input) ??
    oneOf(input, 'side', orderSides) ??
    positiveDecimal(input, 'qty') ??
    (input.price === undefined ? undefined : positiveDecimal(input, 'price')) ??
    (input.tif === undefined ? undefined : oneOf(input, 'tif', timesInForce)) ??
    (input.postOnly === undefined ? undefined : flag(input, 'postOnly'))
  );
}

/** A cancel of the flow needs the symbol: its ids are its symbol's. */
export function cancelProblem(input: RawInput): string | undefined {
  return unknownField(input, CANCEL_FIELDS) ?? times(input) ?? whose(input);
}

export function amendProblem(input: RawInput): string | undefined {
  return (
    unknownField(input, AMEND_FIELDS) ??
    times(input) ??
    symbol(input) ??
    matching(input, 'orderId', FLOW_ORDER_ID_PATTERN, FLOW_ID_WORDS) ??
    positiveDecimal(input, 'qty') ??
    positiveDecimal(input, 'price')
  );
}

/** The account, the id that is one of its own or of the flow, and the symbol. */
function whose(input: RawInput): string | undefined {
  if (input.account === undefined) {
    return symbol(input) ?? matching(input, 'orderId', FLOW_ORDER_ID_PATTERN, FLOW_ID_WORDS);
  }
  const named = input.type === 'cancel' && input.symbol === undefined ? undefined : anySymbol(input);
  return (
    named ??
    matching(input, 'account', ACCOUNT_PATTERN, ACCOUNT_WORDS) ??
    matching(input, 'orderId', ORDER_ID_PATTERN, CLIENT_ID_WORDS)
  );
}

/** A misspelled `tif` must not make another order of it. */
function unknownField(input: RawInput, fields: ReadonlySet<string>): string | undefined {
  for (const field in input) {
    if (!fields.has(field)) return `${shown(field)} is not a field of ${input.type}`;
  }
  return undefined;
}
