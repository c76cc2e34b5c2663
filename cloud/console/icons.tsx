// Small drawings beside words; they say nothing that the words do not, so screen readers skip them.
import type { StateIcon } from './station-words.ts'

const PATHS: Readonly<Record<StateIcon | 'tick' | 'cross' | 'back', string>> = {
  bolt: 'M11 2 4 11h5l-1 7 8-10h-5.500z',
  plug: 'M7 2v4M13 2v4M5 6h10v3a5 5 0 0 1-10 0zM10 14v4',
  pause: 'M7 4v12M13 4v12',
  free: 'M10 3a7 7 0 1 0 0 14 7 7 0 1 0 0-14zM7 10l2 2 4-4',
  alarm: 'M10 3 2.500 17h15zM10 8v4M10 14.300v.4',
  offline: 'M3 3l14 14M4 9a9 9 0 0 1 3-2M16 9a9 9 0 0 0-6-2.400M7 12a4.500 4.500 0 0 1 3-1.300M10 16v.2',
  tick: 'M4 11l4 4 8-10',
  cross: 'M5 5l10 10M15 5 5 15',
  back: 'M12 4l-6 6 6 6',
}

export function Icon({ name, size = 18 }: { readonly name: keyof typeof PATHS; readonly size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
