// Does NTP keep the system's clock? systemd-timesyncd touches this file at each synchronisation
// (systemd-timesyncd.service(8), FILES). A box with another NTP service makes the file from its hook.
import { existsSync } from 'node:fs'

export const NTP_FLAG_FILE = '/run/systemd/timesync/synchronized'

export const ntpSynchronised = (flagFile = NTP_FLAG_FILE): boolean => existsSync(flagFile)
