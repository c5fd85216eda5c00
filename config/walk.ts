import { z } from 'zod';
import { FIELD_TEXTS, type FieldText } from './fields.ts';

/** A field's schema without what is wrapped around it, with the texts and the default met on the way. */
export interface Unwrapped {
  schema: z.core.$ZodType;
  text?: FieldText;
  /** As it would be written in the file. */
  byDefault?: unknown;
}

/** Takes `optional`, `default`, `prefault` and conversions off a schema. */
export function unwrap(schema: z.core.$ZodType): Unwrapped {
  let current = schema;
  let text = FIELD_TEXTS.get(current);
  let byDefault: unknown;
  for (;;) {
    if (current instanceof z.ZodDefault || current instanceof z.ZodPrefault) byDefault ??= current.def.defaultValue;
    if (current instanceof z.ZodOptional || current instanceof z.ZodDefault || current instanceof z.ZodPrefault)
      current = current.def.innerType;
    else if (current instanceof z.ZodPipe) current = current.def.in;
    else return { schema: current, text, byDefault };
    text ??= FIELD_TEXTS.get(current);
  }
}

/** The variants of a section that has several, such as the platforms; else the section alone. */
export function variantsOf(schema: z.core.$ZodType): z.ZodObject[] {
  const { schema: inner } = unwrap(schema);
  if (inner instanceof z.ZodDiscriminatedUnion) return inner.def.options as z.ZodObject[];
  return inner instanceof z.ZodObject ? [inner] : [];
}

/** What tells this variant from the others, such as `process`. */
export function literalOf(variant: z.ZodObject): string | undefined {
  const literal = Object.values(variant.shape).find((field) => field instanceof z.ZodLiteral);
  return literal instanceof z.ZodLiteral ? String(literal.value) : undefined;
}

/** The variant that the given value is written for; the first one if it doesn't say. */
function variantFor(schema: z.core.$ZodType, value: unknown): z.ZodObject | undefined {
  const variants = variantsOf(schema);
  const fits = (variant: z.ZodObject) => variants.length === 1 || z.object({ ...pick(variant) }).safeParse(value).success;
  const pick = (variant: z.ZodObject) =>
    Object.fromEntries(Object.entries(variant.shape).filter(([, field]) => field instanceof z.ZodLiteral));
  return variants.find(fits) ?? variants[0];
}

/** The schema of the field at a path of the given data, or `undefined` where the schema knows no such field. */
export function schemaAt(root: z.core.$ZodType, path: readonly PropertyKey[], data: unknown): z.core.$ZodType | undefined {
  let schema: z.core.$ZodType | undefined = root;
  let value = data;
  for (const key of path) {
    const inner: z.core.$ZodType = unwrap(schema).schema;
    if (inner instanceof z.ZodArray) schema = inner.def.element;
    else if (inner instanceof z.ZodRecord) schema = inner.def.valueType;
    else schema = variantFor(inner, value)?.shape[String(key)];
    if (!schema) return undefined;
    value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
  }
  return schema;
}

/** The field names that a section knows, for "did you mean". */
export function knownFields(root: z.core.$ZodType, path: readonly PropertyKey[], data: unknown): string[] {
  const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], data);
  const section = schemaAt(root, path, data);
  return Object.keys((section && variantFor(section, value)?.shape) ?? {});
}

/** One field for docs/configuration.md: `instances.<name>.applications[].url`. */
export interface DocumentedField {
  path: string;
  /** Of sections with variants: the variant that has this field, such as `http`. */
  variant?: string;
  text?: FieldText;
  required: boolean;
  byDefault?: unknown;
}

/** Every field of the configuration in the order of the schema. */
export function* documentedFields(schema: z.core.$ZodType, prefix = '', variant?: string): Generator<DocumentedField> {
  for (const section of variantsOf(schema)) {
    const several = variantsOf(schema).length > 1;
    const name = several ? literalOf(section) : variant;
    for (const [key, fieldSchema] of Object.entries(section.shape)) {
      const { schema: inner, text, byDefault } = unwrap(fieldSchema);
      const path = `${prefix}${key}`;
      const required = !fieldSchema.safeParse(undefined).success;
      yield { path, variant: name, text, required, byDefault };
      if (inner instanceof z.ZodArray) yield* documentedFields(inner.def.element, `${path}[].`, name);
      else if (inner instanceof z.ZodRecord) yield* documentedFields(inner.def.valueType, `${path}.<name>.`, name);
      else yield* documentedFields(inner, `${path}.`, name);
    }
  }
}
