/* A fuzz target: the questions about block lists, and what is taken for an answer.
 *
 * Invariant: whatever the texts, a question is one name and fits into its room;
 * whatever the packet, it says that there is no record only if it is about the question,
 * without an answer; a plain denial is understood, and no shorter part of it.
 * checking/fuzz.sh builds and runs it. */
#include <stdint.h>
#include <string.h>

#include "checking/demand.h"
#include "system/dnsmessage.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { HEADER = 12, TAIL_MAX = 300 };

/* A list's name of labels of the lengths that the bytes say, then type and class. */
static size_t make_tail(unsigned char *tail, const uint8_t *bytes, size_t size)
{
  size_t length = 0, i;

  for (i = 0; i < size && length + 64 + 5 < TAIL_MAX; ++i) {
    unsigned label = bytes[i] % 63 + 1u;

    tail[length++] = (unsigned char)label;
    memset(tail + length, bytes[i], label);
    length += label;
  }
  memcpy(tail + length, "\0\0\x10\0\1", 5);
  return length + 5;
}

/* The name ends where type and class begin. */
static void demand_question(const unsigned char *question, size_t length)
{
  size_t at = HEADER;

  demand(length <= USYS_QUESTION_MAX && length > HEADER + 5);
  while (question[at]) {
    demand(question[at] < 64);
    at += question[at] + 1u;
    demand(at < length - 4);
  }
  demand(at == length - 5 && at + 1 - HEADER <= 255);
}

static void demand_denial(const unsigned char *question, size_t length)
{
  size_t cut;

  for (cut = 0; cut <= length; ++cut) {
    unsigned char *answer = demand_memory(
        cut); /* of its own length: a sanitizer sees what is read behind it */

    memcpy(answer, question, cut);
    if (cut > 3) {
      answer[2] = 0x81;
      answer[3] = 0x83;
    }
    demand(usys_says_none(answer, cut, question, length) == (cut == length));
    free(answer);
  }
}

static void compare_answer(const uint8_t *bytes, size_t size, const unsigned char *question, size_t length)
{
  unsigned char *answer = demand_memory(size);
  int says_none;

  memcpy(answer, bytes, size);
  says_none = usys_says_none(answer, size, question, length);
  if (says_none)
    demand(size >= length && !memcmp(answer, question, 2) && answer[2] >> 7 && !answer[6] && !answer[7]);
  free(answer);
}

/* The first bytes say how long the texts are that follow. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  unsigned char tail[TAIL_MAX], question[USYS_QUESTION_MAX], server[4];
  size_t text, labels, tail_length, length;
  char *ip;

  if (size < 2)
    return 0;
  text = bytes[0] % 64 < size - 2 ? bytes[0] % 64 : size - 2;
  labels = bytes[1] % 8 < size - 2 - text ? bytes[1] % 8 : size - 2 - text;
  bytes += 2;
  size -= 2;
  ip = demand_memory(text + 1);
  memcpy(ip, bytes, text);
  ip[text] = 0;
  usys_first_server(ip, server);
  tail_length = make_tail(tail, bytes + text, labels);
  length = usys_put_question(question, 0x1234, ip, tail, tail_length);
  if (length) {
    demand_question(question, length);
    demand_denial(question, length);
    compare_answer(bytes + text + labels, size - text - labels, question, length);
  }
  free(ip);
  return 0;
}
