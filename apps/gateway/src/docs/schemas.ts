import { z } from 'zod';

/** A JSON Schema, or any other part of a document. */
export type Json = Readonly<Record<string, unknown>>;

/** OpenAPI 3.1 takes the newest dialect of JSON Schema, AsyncAPI 3 an older one. */
export type Dialect = 'draft-2020-12' | 'draft-7';

const NANOSECONDS = 'Nanoseconds since 1970, an integer beyond 2^53: read it with a parser that keeps all its digits.';

/** A zod schema as what is on the wire: a bigint is an integer literal there. */
export function jsonSchemaOf(schema: z.ZodType, target: Dialect): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    target,
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === 'bigint') {
        Object.assign(jsonSchema, { type: 'integer', format: 'int64', description: NANOSECONDS });
      }
      // Zod says of every integer that JavaScript can count to it, which is no limit of what is sent.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return json;
}

export function object(properties: Record<string, Json>, optional: readonly string[] = []): Json {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, ...(required.length > 0 ? { required } : {}) };
}

export function array(items: Json): Json {
  return { type: 'array', items };
}

export function text(description?: string): Json {
  return { type: 'string', ...(description === undefined ? {} : { description }) };
}

export function whole(minimum?: number, maximum?: number, otherwise?: number): Json {
  return {
    type: 'integer',
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
    ...(otherwise === undefined ? {} : { default: otherwise }),
  };
}

export function oneOf(values: readonly (string | number)[], otherwise?: string | number): Json {
  return { enum: [...values], ...(otherwise === undefined ? {} : { default: otherwise }) };
}

export function nullable(schema: Json): Json {
  return { anyOf: [schema, { type: 'null' }] };
}
