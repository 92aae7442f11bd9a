/* DNS messages about one question: what a block list is asked about a client, and
 * whether the answer is that it has no record of it.
 *
 * Whatever is not plainly that is nothing for us: then rblsmtpd asks, by a parser that
 * knows the whole protocol. */
#ifndef USYS_DNSMESSAGE_H
#define USYS_DNSMESSAGE_H

#include <stddef.h>

enum {
  USYS_QUESTION_MAX = 12 + 255 + 4, /* bytes: the header, a name, its type and class */
  USYS_ANSWER_MAX = 512             /* bytes over UDP; RFC 1035, 2.3.4 */
};

/* Write the question about an address.
 *
 * to: USYS_QUESTION_MAX bytes.
 * id: its identifier, of 16 bits.
 * ip: as tcpserver writes it; an IPv6 address may have a zone, which does not count.
 * tail: the name of the list as labels, the empty one last; then type and class.
 *
 * Returns the length, or 0: the text is no such address, or an IPv4 address in IPv6
 * form, or the name is too long. */
size_t usys_put_question(unsigned char *to, unsigned id, const char *ip, const unsigned char *tail,
                         size_t tail_length);

/* Whether a packet is an answer to a question, whole and sound, that says that there is
 * no record. */
int usys_says_none(const unsigned char *answer, size_t length, const unsigned char *question,
                   size_t question_length);

/* Read the first address in a value of DNSCACHEIP, 4 bytes; see dnsbl/nameservers.py.
 * Returns 0 where there is none. */
int usys_first_server(const char *text, unsigned char *ip);

#endif
