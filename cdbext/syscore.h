/* All that the module ucspi._syscore offers to Python. */
#ifndef USYS_SYSCORE_H
#define USYS_SYSCORE_H

#include <sys/socket.h>

#include "lines/crlf.h"
#include "lines/distribute.h"
#include "lines/localstamp.h"
#include "lines/localtime.h"
#include "lines/pattern.h"
#include "lines/timelabel.h"
#include "proxy/header.h"
#include "system/accept.h"
#include "system/acceptproxied.h"
#include "system/addresstext.h"
#include "system/asklists.h"
#include "system/chain.h"
#include "system/connectionidentity.h"
#include "system/connectpath.h"
#include "system/dnsmessage.h"
#include "system/earlywriteout.h"
#include "system/endhandler.h"
#include "system/fileglance.h"
#include "system/handover.h"
#include "system/helperprocess.h"
#include "system/owndescriptors.h"
#include "system/proxyheader.h"
#include "system/spawnhandler.h"
#include "system/startmover.h"
#include "system/startservice.h"
#include "system/variablefiles.h"
#include "system/warmsupervisor.h"

#endif
