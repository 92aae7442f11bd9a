#include "cdb/cdbmaketext.h"

#include <string.h>

#include "cdb/image.h"

enum { DIGITS = 8 };

/* A length up to its mark; the position behind that, 0 when it is for the
 * parser. */
static uint64_t read_length(const struct ucdb_image *in, uint64_t at, unsigned char mark, uint64_t *length)
{
  uint64_t start = at;
  uint64_t end;

  *length = 0;
  while (at < in->size && in->base[at] == '0')
    ++at;
  end = at + DIGITS;
  for (; at < in->size && at <= end; ++at) {
    unsigned int digit = in->base[at] - (unsigned int)'0';

    if (in->base[at] == mark && at > start)
      return at + 1;
    if (digit > 9)
      return 0;
    *length = *length * 10 + digit;
  }
  return 0;
}

/* The entry at text->at: its key and data.  Returns the position behind it, 0
 * when it is for the parser. */
static uint64_t read_entry(const struct ucdb_image *in, uint64_t at, struct ucdb_span *key,
                           struct ucdb_span *data)
{
  const unsigned char *arrow, *newline;

  if (at >= in->size || in->base[at] != '+')
    return 0;
  at = read_length(in, at + 1, ',', &key->len);
  if (!at)
    return 0;
  key->pos = read_length(in, at, ':', &data->len);
  if (!key->pos || !ucdb_at(in, key->pos, key->len))
    return 0;
  arrow = ucdb_at(in, key->pos + key->len, 2);
  if (!arrow || arrow[0] != '-' || arrow[1] != '>')
    return 0;
  data->pos = key->pos + key->len + 2;
  if (!ucdb_at(in, data->pos, data->len))
    return 0;
  newline = ucdb_at(in, data->pos + data->len, 1);
  return newline && *newline == '\n' ? data->pos + data->len + 1 : 0;
}

static unsigned char *put(unsigned char *out, const unsigned char *bytes, uint64_t len)
{
  memcpy(out, bytes, (size_t)len);
  return out + len;
}

UCDB_FOR_EACH_FORMAT void load(const struct ucdb_image *in, unsigned char *out, int format,
                               struct ucdb_text *text)
{
  unsigned char *next = out + text->used;
  struct ucdb_span key, data;
  uint64_t end;

  while ((end = read_entry(in, text->at, &key, &data)) != 0) {
    ucdb_put_pair(next, key.len, data.len, format);
    next = put(next + ucdb_pair_size(format), in->base + key.pos, key.len);
    next = put(next, in->base + data.pos, data.len);
    text->at = end;
    ++text->records;
  }
  text->used = (uint64_t)(next - out);
}

void ucdb_text_load(const unsigned char *in, uint64_t len, unsigned char *out, int format,
                    struct ucdb_text *text)
{
  struct ucdb_image window = { in, len, format };

  if (format == UCDB_CDB)
    load(&window, out, UCDB_CDB, text);
  else
    load(&window, out, UCDB_CDB64, text);
}

static unsigned char *put_entry(unsigned char *out, const unsigned char *key,
                                const struct ucdb_record *record)
{
  *out++ = '+';
  out += put_decimal(out, record->key.len);
  *out++ = ',';
  out += put_decimal(out, record->data.len);
  *out++ = ':';
  out = put(out, key, record->key.len);
  *out++ = '-';
  *out++ = '>';
  out = put(out, key + record->key.len, record->data.len);
  *out++ = '\n';
  return out;
}

UCDB_FOR_EACH_FORMAT void dump(const struct ucdb_image *in, unsigned char *out, uint64_t room, int format,
                               struct ucdb_text *text)
{
  struct ucdb_record record;

  while (ucdb_record_at(in, text->at, &record, format)) {
    uint64_t left = room - text->used;

    if (left < UCDB_TEXT_MORE)
      return;
    left -= UCDB_TEXT_MORE;
    if (record.key.len > left || record.data.len > left - record.key.len)
      return;
    text->used = (uint64_t)(put_entry(out + text->used, in->base + record.key.pos, &record) - out);
    text->at = ucdb_record_end(&record);
    ++text->records;
  }
}

void ucdb_text_dump(const unsigned char *in, uint64_t len, unsigned char *out, uint64_t room, int format,
                    struct ucdb_text *text)
{
  struct ucdb_image window = { in, len, format };

  if (text->used > room)
    return;
  if (format == UCDB_CDB)
    dump(&window, out, room, UCDB_CDB, text);
  else
    dump(&window, out, room, UCDB_CDB64, text);
}
