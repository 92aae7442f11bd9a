/* The cheapest handler: six bytes, then the end. */
#include <unistd.h>

int main(void)
{
  return write(1, "hello\n", 6) == 6 ? 0 : 111;
}
