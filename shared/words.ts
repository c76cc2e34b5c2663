// The sentences behind message keys, in each language. Cores give a key and values; pages and terminals show this.
import { LIMIT_SOURCES, type LimitSource } from './limits/plan.ts'
import { MESSAGE_KEYS, type MessageKey } from './message.ts'

export const LANGUAGES = ['en', 'da', 'de'] as const
export type Language = (typeof LANGUAGES)[number]

/** A message as it may come from another program: of a newer version, with a key that is not known here. */
export interface ToldMessage {
  readonly key: string
  readonly values: Readonly<Record<string, string | number>>
}

type Words<K extends string> = Readonly<Record<K, string>>

/** `{name}` is a gap; names that end in `milliamps` are shown in A, `source` and `band` in words. */
export const SENTENCES: Readonly<Record<Language, Words<MessageKey>>> = {
  en: {
    'limit.installation': 'The wiring of this installation allows no more.',
    'limit.installationMissing': 'This box has not been commissioned yet, so it may not charge.',
    'limit.board': 'The electronics of the box allow no more.',
    'limit.cable': 'The charging cable allows no more.',
    'limit.temperature': 'The box is warm ({celsius} °C), so it gives less.',
    'limit.temperatureUnknown': 'The box cannot measure its temperature, so it gives less.',
    'limit.gridRelay': 'The grid operator limits the power now.',
    'limit.schedule': 'The schedule holds charging back now.',
    'limit.scheduleIdle': 'The schedule allows charging now.',
    'limit.scheduleTimeUnknown': 'The box does not know the time, so the schedule is not applied.',
    'limit.user': 'The driver has set this limit.',
    'limit.profile': 'The operator has set this limit.',
    'limit.missing': 'A limit that must be known is missing ({source}), so the box does not charge.',
    'limit.belowMinimum':
      'Only {milliamps} are left ({source}); a car needs at least 6 A, so charging waits.',
    'limit.noPermission': 'Charging has not been released yet.',
    'limit.fault': 'A fault holds charging back ({fault}).',
    'wait.noCar': 'No car is plugged in.',
    'wait.carNotReady': 'The car does not ask for energy now.',
    'wait.stopped': 'Stopped; unplug and plug in again to charge.',
    'wait.controlLost': 'The controller does not answer; the current ends by itself within 2 s.',
    'wait.starting': 'The box is starting.',
    'wait.token': 'Hold your card to the box to charge.',
    'touch.unknown': 'This card is not known here.',
    'touch.otherSession': 'Another card’s charge is running; only that card stops it.',
    'bill.energy': 'Energy in the price band {band}, from the meter’s own register.',
    'bill.energyInterpolated':
      'Energy in the price band {band}; the register at its boundary is estimated from the readings around it.',
    'bill.noStartRegister': 'Not billed: the meter’s register at the start is not known.',
    'bill.noEndRegister': 'Not billed: the meter’s register at the end is not known.',
    'bill.registerWentBack': 'Not billed: the meter’s register went back.',
    'bill.timeWentBack': 'Not billed: the times of the readings go back.',
    'bill.meterReplaced': 'Not billed: the meter was replaced during the charge.',
    'bill.timeImplausible':
      'Not billed: a time that the box told is more than a year before it was heard, or more than a day after.',
    'bill.spanTooLong': 'Not billed: the charge would have lasted more than 400 days.',
    'bill.failed': 'Not billed: the bill could not be computed; the server’s log says why.',
    'bill.noTariff': 'Not billed: no tariff is set.',
    'bill.noBand': 'Not billed: the tariff has no price for this time.',
  },
  da: {
    'limit.installation': 'Installationens ledninger tillader ikke mere.',
    'limit.installationMissing': 'Ladeboksen er ikke idriftsat endnu og må derfor ikke lade.',
    'limit.board': 'Ladeboksens elektronik tillader ikke mere.',
    'limit.cable': 'Ladekablet tillader ikke mere.',
    'limit.temperature': 'Ladeboksen er varm ({celsius} °C) og giver derfor mindre.',
    'limit.temperatureUnknown': 'Ladeboksen kan ikke måle sin temperatur og giver derfor mindre.',
    'limit.gridRelay': 'Netselskabet begrænser effekten nu.',
    'limit.schedule': 'Tidsplanen holder opladningen tilbage nu.',
    'limit.scheduleIdle': 'Tidsplanen tillader opladning nu.',
    'limit.scheduleTimeUnknown': 'Boksen kender ikke klokkeslættet, så tidsplanen bruges ikke.',
    'limit.user': 'Bilisten har sat denne grænse.',
    'limit.profile': 'Operatøren har sat denne grænse.',
    'limit.missing': 'En grænse, der skal være kendt, mangler ({source}), så boksen lader ikke.',
    'limit.belowMinimum':
      'Der er kun {milliamps} tilbage ({source}); en bil skal bruge mindst 6 A, så opladningen venter.',
    'limit.noPermission': 'Opladningen er ikke frigivet endnu.',
    'limit.fault': 'En fejl holder opladningen tilbage ({fault}).',
    'wait.noCar': 'Ingen bil er tilsluttet.',
    'wait.carNotReady': 'Bilen beder ikke om energi nu.',
    'wait.stopped': 'Stoppet; tag stikket ud og sæt det i igen for at lade.',
    'wait.controlLost': 'Styringen svarer ikke; strømmen afbrydes af sig selv inden for 2 s.',
    'wait.starting': 'Ladeboksen starter.',
    'wait.token': 'Hold dit kort hen til boksen for at lade.',
    'touch.unknown': 'Dette kort er ikke kendt her.',
    'touch.otherSession': 'Et andet korts opladning er i gang; kun det kort stopper den.',
    'bill.energy': 'Energi i prisbåndet {band}, fra målerens eget tælleværk.',
    'bill.energyInterpolated':
      'Energi i prisbåndet {band}; tælleværket ved grænsen er beregnet ud fra aflæsningerne omkring den.',
    'bill.noStartRegister': 'Ikke faktureret: målerens tælleværk ved starten kendes ikke.',
    'bill.noEndRegister': 'Ikke faktureret: målerens tælleværk ved slutningen kendes ikke.',
    'bill.registerWentBack': 'Ikke faktureret: målerens tælleværk gik tilbage.',
    'bill.timeWentBack': 'Ikke faktureret: aflæsningernes tider går tilbage.',
    'bill.meterReplaced': 'Ikke faktureret: måleren blev udskiftet under opladningen.',
    'bill.timeImplausible':
      'Ikke faktureret: et tidspunkt fra ladeboksen ligger mere end et år før modtagelsen eller mere end et døgn efter.',
    'bill.spanTooLong': 'Ikke faktureret: opladningen skulle have varet mere end 400 dage.',
    'bill.failed': 'Ikke faktureret: fakturaen kunne ikke beregnes; serverens log siger hvorfor.',
    'bill.noTariff': 'Ikke faktureret: der er ingen tarif.',
    'bill.noBand': 'Ikke faktureret: tariffen har ingen pris for dette tidspunkt.',
  },
  de: {
    'limit.installation': 'Die Leitungen dieser Installation erlauben nicht mehr.',
    'limit.installationMissing':
      'Diese Wallbox ist noch nicht in Betrieb genommen und darf deshalb nicht laden.',
    'limit.board': 'Die Elektronik der Wallbox erlaubt nicht mehr.',
    'limit.cable': 'Das Ladekabel erlaubt nicht mehr.',
    'limit.temperature': 'Die Wallbox ist warm ({celsius} °C) und gibt deshalb weniger.',
    'limit.temperatureUnknown': 'Die Wallbox kann ihre Temperatur nicht messen und gibt deshalb weniger.',
    'limit.gridRelay': 'Der Netzbetreiber begrenzt jetzt die Leistung.',
    'limit.schedule': 'Der Zeitplan hält das Laden jetzt zurück.',
    'limit.scheduleIdle': 'Der Zeitplan erlaubt das Laden jetzt.',
    'limit.scheduleTimeUnknown': 'Die Wallbox kennt die Uhrzeit nicht; der Zeitplan gilt deshalb nicht.',
    'limit.user': 'Diese Grenze wurde am Fahrzeugplatz eingestellt.',
    'limit.profile': 'Der Betreiber hat diese Grenze gesetzt.',
    'limit.missing': 'Eine Grenze, die bekannt sein muss, fehlt ({source}); deshalb lädt die Wallbox nicht.',
    'limit.belowMinimum':
      'Nur {milliamps} sind übrig ({source}); ein Auto braucht mindestens 6 A, deshalb wartet das Laden.',
    'limit.noPermission': 'Das Laden ist noch nicht freigegeben.',
    'limit.fault': 'Eine Störung hält das Laden zurück ({fault}).',
    'wait.noCar': 'Kein Auto ist angeschlossen.',
    'wait.carNotReady': 'Das Auto fragt jetzt keine Energie an.',
    'wait.stopped': 'Beendet; zum Laden ausstecken und wieder einstecken.',
    'wait.controlLost': 'Die Steuerung antwortet nicht; der Strom endet innerhalb von 2 s von selbst.',
    'wait.starting': 'Die Wallbox startet.',
    'wait.token': 'Zum Laden die Karte an die Wallbox halten.',
    'touch.unknown': 'Diese Karte ist hier nicht bekannt.',
    'touch.otherSession': 'Der Ladevorgang einer anderen Karte läuft; nur diese Karte beendet ihn.',
    'bill.energy': 'Energie im Preisband {band}, aus dem Zählwerk des Zählers.',
    'bill.energyInterpolated':
      'Energie im Preisband {band}; der Zählerstand an seiner Grenze ist aus den Ablesungen daneben berechnet.',
    'bill.noStartRegister': 'Nicht abgerechnet: der Zählerstand am Anfang ist nicht bekannt.',
    'bill.noEndRegister': 'Nicht abgerechnet: der Zählerstand am Ende ist nicht bekannt.',
    'bill.registerWentBack': 'Nicht abgerechnet: der Zählerstand ging zurück.',
    'bill.timeWentBack': 'Nicht abgerechnet: die Zeiten der Ablesungen gehen zurück.',
    'bill.meterReplaced': 'Nicht abgerechnet: der Zähler wurde während des Ladens getauscht.',
    'bill.timeImplausible':
      'Nicht abgerechnet: eine Zeit der Ladebox liegt mehr als ein Jahr vor ihrem Empfang oder mehr als einen Tag danach.',
    'bill.spanTooLong': 'Nicht abgerechnet: der Ladevorgang hätte mehr als 400 Tage gedauert.',
    'bill.failed':
      'Nicht abgerechnet: die Abrechnung ließ sich nicht berechnen; das Protokoll des Servers sagt, warum.',
    'bill.noTariff': 'Nicht abgerechnet: kein Tarif ist gesetzt.',
    'bill.noBand': 'Nicht abgerechnet: der Tarif hat für diese Zeit keinen Preis.',
  },
}

const SOURCES: Readonly<Record<Language, Words<LimitSource>>> = {
  en: {
    installation: 'installation',
    board: 'box electronics',
    cable: 'cable',
    temperature: 'temperature',
    group: 'load group',
    grid: 'grid operator',
    profile: 'operator',
    schedule: 'schedule',
    user: 'driver',
  },
  da: {
    installation: 'installation',
    board: 'boksens elektronik',
    cable: 'kabel',
    temperature: 'temperatur',
    group: 'lastgruppe',
    grid: 'netselskab',
    profile: 'operatør',
    schedule: 'tidsplan',
    user: 'bilist',
  },
  de: {
    installation: 'Installation',
    board: 'Elektronik',
    cable: 'Kabel',
    temperature: 'Temperatur',
    group: 'Lastgruppe',
    grid: 'Netzbetreiber',
    profile: 'Betreiber',
    schedule: 'Zeitplan',
    user: 'Fahrer',
  },
}

const isKey = (key: string): key is MessageKey => MESSAGE_KEYS.some((known) => known === key)

/** The sentence of a message; one of a key that is not known here is shown as the key with its values. */
export function sentence(told: ToldMessage, language: Language): string {
  if (!isKey(told.key)) {
    const values = Object.entries(told.values).map(([name, value]) => `${name} ${value}`)
    return values.length > 0 ? `${told.key} (${values.join(', ')})` : told.key
  }
  return SENTENCES[language][told.key].replace(/\{(\w+)\}/g, (_gap, name: string) => {
    const value = told.values[name]
    return value === undefined ? '–' : inWords(name, value, language)
  })
}

function inWords(name: string, value: string | number, language: Language): string {
  if (typeof value === 'string') {
    const source = name === 'source' ? LIMIT_SOURCES.find((known) => known === value) : undefined
    return source ? SOURCES[language][source] : value
  }
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 })
  return name.toLowerCase().endsWith('milliamps') ? `${number.format(value / 1000)} A` : number.format(value)
}
